/* config_yaml.h - a YAML document read into structs by tables of keys.
 *
 * A table names each key, its type, where its value goes and what it may be;
 * the reader refuses what no table names. Every error is "FILE:LINE: KEY.PATH:
 * what was expected". Duplicate keys are refused, anchors may be used (tables
 * bound what is read, however often an alias repeats it).
 * Start-up only, one thread; strings go into the reader's arena. */
#ifndef CORE_CONFIG_YAML_H
#define CORE_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

enum field_kind {
    FIELD_STRING,      /* const char *; `check` and `expected` narrow it */
    FIELD_STRINGS,     /* const char ** at offset, size_t at count_offset */
    FIELD_PATH,        /* const char *, relative to the file's directory */
    FIELD_FILE,        /* the same, and a readable file must be there */
    FIELD_FILES,       /* a list of them: const char ** at offset, size_t at count_offset */
    FIELD_BOOL,        /* bool */
    FIELD_UINT32,      /* uint32_t, low to high */
    FIELD_COUNT,       /* uint64_t, low to high */
    FIELD_SIZE,        /* uint64_t bytes, low to high: 10, 10KiB, 2GiB */
    FIELD_MS,          /* uint64_t, low to high: 1500 (milliseconds), 30s, 5m */
    FIELD_REAL,        /* double, zero or more */
    FIELD_PICO,        /* uint64_t, the number times 10^12, exactly: what costs are made of is never a double */
    FIELD_CHOICE,      /* an enum whose values are the indexes into `choices` */
    FIELD_OBJECT,      /* a table over the struct at offset */
    FIELD_PART,        /* the same, over a struct made for it: its pointer goes to offset */
    FIELD_OBJECTS,     /* array of the table's structs at offset, size_t at count_offset, at most high */
    FIELD_CUSTOM,      /* `custom` reads it */
};

struct yaml_reader;

struct field {
    const char *name;
    enum field_kind kind;
    bool is_required;
    bool is_secret; /* never repeated in a message */
    size_t offset, count_offset;
    uint64_t low, high;
    bool (*check)(struct str text);
    const char *expected; /* with check: ends the sentence "expected ..." */
    const char *const *choices; /* ends with NULL */
    const struct field_table *table;
    const char *short_form; /* of objects: an item that is no mapping is the value of this key alone; else NULL */
    enum error_code (*custom)(struct yaml_reader *reader, const yaml_node_t *node, void *parent);
};

struct field_table {
    const struct field *fields;
    size_t count;
    size_t size; /* of the struct */
};
#define FIELD_AT(type, member) .offset = offsetof(struct type, member)
#define FIELD_LIST_AT(type, member, counter) FIELD_AT(type, member), .count_offset = offsetof(struct type, counter)
#define FIELD_TABLE(fields_, type_) {(fields_), sizeof(fields_) / sizeof((fields_)[0]), sizeof(type_)}

struct yaml_reader {
    yaml_document_t document;
    struct arena *arena;
    struct error *error;
    const char *file;  /* as named to the user */
    char path[256];    /* of the node being read: "models[0].context" */
    size_t path_len;
};

/* Parses `text`. Exactly one document, a mapping; an empty one is an empty
 * mapping. On success yaml_reader_close must follow. */
enum error_code yaml_reader_open(struct yaml_reader *reader, struct str text, const char *file, struct arena *arena,
                                 struct error *error) WARN_UNUSED;
void yaml_reader_close(struct yaml_reader *reader);

/* The whole document into `target`, the struct of `table`. */
enum error_code yaml_read_root(struct yaml_reader *reader, const struct field_table *table, void *target) WARN_UNUSED;

/* For `custom`: the mapping `node` into `target`. */
enum error_code yaml_read_object(struct yaml_reader *reader, const yaml_node_t *node, const struct field_table *table,
                                 void *target) WARN_UNUSED;

/* The text of a scalar; data NULL of other nodes. */
struct str yaml_text_of(const yaml_node_t *node);

/* The error of a check made after reading: finds the line of the key at
 * `path` ("models[1].name"), or of the nearest parent that is there. */
enum error_code yaml_fail_at(struct yaml_reader *reader, const char *path, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
