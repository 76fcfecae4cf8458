/* config_section.c - sections of all rooms put together: one table of keys over one block of memory, so that a document
 * is read once, from its first line to its last. */
#include "core/config_section.h"

#include <assert.h>
#include <string.h>

#define FIELDS_MAX 48
#define ALIGNMENT 16u

/* The block: struct config, then the struct of each section of the server's. */
struct layout {
    struct field root[FIELDS_MAX], tenant[FIELDS_MAX];
    struct field_table root_table, tenant_table;
    const struct config_section *parts[CONFIG_PARTS_MAX], *tenant_parts[CONFIG_PARTS_MAX];
    size_t offsets[CONFIG_PARTS_MAX];
    size_t part_count, tenant_part_count;
    size_t size;
};

const void *config_part(const struct config_part *parts, const struct config_section *section)
{
    static const _Alignas(ALIGNMENT) char nothing[512];
    assert(section->table->size <= sizeof(nothing));
    for (; parts->section; parts++)
        if (parts->section == section && parts->value)
            return parts->value;
    return nothing;
}

/* --- the layout -------------------------------------------------------------------------------------- */

static void add_field(struct layout *layout, const struct field *field, size_t offset)
{
    assert(layout->root_table.count < FIELDS_MAX);
    struct field *added = &layout->root[layout->root_table.count++];
    *added = *field;
    added->offset += offset;
    added->count_offset += offset;
    if (added->table == &config_tenant_table)
        added->table = &layout->tenant_table;
}

static void add_to_root(struct layout *layout, const struct config_section *section, size_t offset)
{
    const struct field whole = {section->name, FIELD_OBJECT, .table = section->table};
    if (section->name)
        add_field(layout, &whole, offset);
    for (size_t i = 0; i < section->table->count && !section->name; i++)
        add_field(layout, &section->table->fields[i], offset);
}

static void add_to_server(struct layout *layout, const struct config_section *section)
{
    assert(layout->part_count < CONFIG_PARTS_MAX);
    layout->parts[layout->part_count] = section;
    layout->offsets[layout->part_count++] = layout->size;
    add_to_root(layout, section, layout->size);
    layout->size += (section->table->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void add_to_tenants(struct layout *layout, const struct config_section *section)
{
    assert(section->name && !section->defaults);
    assert(layout->tenant_part_count < CONFIG_PARTS_MAX && layout->tenant_table.count < FIELDS_MAX);
    const size_t part = offsetof(struct config_tenant, parts) + layout->tenant_part_count * sizeof(struct config_part);
    layout->tenant[layout->tenant_table.count++] =
        (struct field){section->name, FIELD_PART, .offset = part + offsetof(struct config_part, value),
                       .table = section->table};
    layout->tenant_parts[layout->tenant_part_count++] = section;
}

static void lay_out(struct layout *layout, const struct config_section *const *sections)
{
    *layout = (struct layout){.size = (sizeof(struct config) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT};
    layout->root_table = (struct field_table){layout->root, 0, 0};
    layout->tenant_table = (struct field_table){layout->tenant, config_tenant_table.count, config_tenant_table.size};
    memcpy(layout->tenant, config_tenant_table.fields, config_tenant_table.count * sizeof(struct field));
    for (; *sections; sections++) {
        switch ((*sections)->place) {
        case CONFIG_OF_CORE: add_to_root(layout, *sections, 0); break;
        case CONFIG_OF_SERVER: add_to_server(layout, *sections); break;
        case CONFIG_OF_TENANT: add_to_tenants(layout, *sections); break;
        }
    }
}

/* --- reading ----------------------------------------------------------------------------------------- */

static void fill_defaults(const struct layout *layout, const struct config *config, char *block)
{
    memcpy(block, config, sizeof(*config));
    for (size_t i = 0; i < layout->part_count; i++)
        if (layout->parts[i]->defaults)
            memcpy(block + layout->offsets[i], layout->parts[i]->defaults, layout->parts[i]->table->size);
}

/* The arena has gone on since its struct was copied. */
static void take(const struct layout *layout, const char *block, struct config *config)
{
    const struct arena arena = config->arena;
    memcpy(config, block, sizeof(*config));
    config->arena = arena;
    for (size_t i = 0; i < layout->part_count; i++)
        config->parts[i] = (struct config_part){layout->parts[i], block + layout->offsets[i]};
    for (size_t i = 0; i < config->tenant_count; i++)
        for (size_t j = 0; j < layout->tenant_part_count; j++)
            config->tenants[i].parts[j].section = layout->tenant_parts[j];
}

enum error_code config_read_sections(struct yaml_reader *reader, const struct config_section *const *sections,
                                     struct config *config, struct error *error)
{
    struct layout layout;
    lay_out(&layout, sections);
    char *block = arena_array(&config->arena, 1, layout.size);
    if (!block)
        return error_no_memory(error);
    fill_defaults(&layout, config, block);
    enum error_code code = reader ? yaml_read_root(reader, &layout.root_table, block) : OK;
    take(&layout, block, config);
    return code;
}
