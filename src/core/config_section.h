/* config_section.h - settings that a room owns: where they stand in fulcrum.yaml,
 * their keys, and what must hold between them.
 *
 * A new section is a struct, a table of its keys, and a struct config_section, in
 * a file of the room's own; a function that gives the struct out of a config
 * (config_part); and its name in the list of the program (cmd/sections.c).
 * Nothing here knows what any section is about. Start-up only, one thread. */
#ifndef CORE_CONFIG_SECTION_H
#define CORE_CONFIG_SECTION_H

#include "core/config.h"
#include "core/config_yaml.h"

enum config_place {
    CONFIG_OF_SERVER, /* at the root */
    CONFIG_OF_TENANT, /* in each entry of `tenants`; its struct is all zero without keys */
    CONFIG_OF_CORE,   /* at the root, over struct config itself: what all rooms share */
};

struct config_section {
    const char *name; /* the key of its mapping; NULL: the table's keys stand at the root themselves */
    enum config_place place;
    const struct field_table *table;
    const void *defaults; /* a struct of the table's; NULL: all zero */
    /* Once all is read; yaml_fail_at finds the lines that messages name. May be NULL. */
    enum error_code (*check)(struct yaml_reader *reader, const struct config *config);
};

#define CONFIG_VALUE_MAX (UINT64_C(1) << 40) /* no size or limit is worth more; keeps sums far from overflow */
#define CONFIG_TOKENS_MAX (1u << 24)

/* What all rooms share: the server itself and its models; tenants; limits. */
extern const struct config_section config_server_section, config_tenants_section, config_limits_section;
extern const struct field_table config_tenant_table; /* keys of a tenant without those of sections */

/* The custom reader of a `price` mapping: of a struct config_model, or of one that begins with it. */
enum error_code config_read_price(struct yaml_reader *reader, const yaml_node_t *node, void *parent);

/* The custom reader of a mapping of headers to their values: lines "NAME: VALUE", `max` at most. Values are secrets as
 * a rule, and in no message. */
enum error_code config_read_headers(struct yaml_reader *reader, const yaml_node_t *node, const char **lines, size_t max,
                                    size_t *count);

/* Keys of a `response_cache` mapping: a struct config_recall, as a FIELD_PART of models and routers. */
extern const struct field_table config_recall_table;

/* What names of models, their IDs and patterns of IDs are made of, with what messages say of them. */
bool config_is_model_name(struct str text);
bool config_is_model_id(struct str text);
bool config_is_model_pattern(struct str text);
#define CONFIG_MODEL_NAME_EXPECTED "a name of letters, digits and ._-:/"
#define CONFIG_MODEL_PATTERN_EXPECTED "a model ID of letters, digits and ._-:/, or a pattern of them with *"

/* --- for config.c alone --- */

/* Makes the sections' structs and reads them; `reader` NULL: as they are without a file. */
enum error_code config_read_sections(struct yaml_reader *reader, const struct config_section *const *sections,
                                     struct config *config, struct error *error) WARN_UNUSED;

#endif
