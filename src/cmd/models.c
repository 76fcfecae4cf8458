/* models.c - `fulcrum models`: which models there are. models_change.c adds, replaces and removes them. */
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/models.h"
#include "model/resolve.h"
#include "engine/embedded.h"

struct listing {
    const struct catalog *catalog;
    const struct registry *models;
    struct buf *out;
};

static const char *file_of(const struct config_model *model)
{
    if (model->path)
        return model->path;
    return model->worker ? model->worker : "embedded";
}

/* True when the catalogue's entry leads to this model and not to one whose `ids` claim it. */
static bool leads_to(const struct listing *listing, const struct catalog_entry *entry, const struct model *model)
{
    struct catalog_match match;
    struct error ignored;
    return catalog_resolve(listing->catalog, listing->models, str_of(entry->id), &match, &ignored) == OK &&
           match.model == model;
}

static bool is_own_id(const struct config_model *model, const char *id)
{
    for (size_t i = 0; i < model->id_count; i++) {
        if (!strcmp(model->ids[i], id))
            return true;
    }
    return false;
}

/* Calls `each` with every ID of the model: its own first, then the catalogue's. */
static void each_id(const struct listing *listing, const struct model *model,
                    void (*each)(struct buf *out, const char *id, size_t count))
{
    const struct config_model *own = model->config;
    size_t count = 0;
    for (size_t i = 0; i < own->id_count; i++)
        each(listing->out, own->ids[i], count++);
    for (size_t i = 0; i < listing->catalog->count; i++) {
        const struct catalog_entry *entry = &listing->catalog->entries[i];
        if (leads_to(listing, entry, model) && !is_own_id(own, entry->id))
            each(listing->out, entry->id, count++);
    }
}

static void append_json_id(struct buf *out, const char *id, size_t count)
{
    if (count)
        buf_append_text(out, ", ");
    buf_append_json(out, str_of(id));
}

static void append_text_id(struct buf *out, const char *id, size_t count)
{
    (void)count;
    buf_appendf(out, "    %s\n", id);
}

static void append_json(const struct listing *listing)
{
    struct buf *out = listing->out;
    buf_append_char(out, '[');
    const struct model_list *list = registry_list(listing->models);
    for (size_t i = 0; i < list->count; i++) {
        const struct config_model *model = list->models[i]->config;
        buf_append_text(out, i ? ",\n {\"name\": " : "\n {\"name\": ");
        buf_append_json(out, str_of(model->name));
        buf_append_text(out, ", \"file\": ");
        buf_append_json(out, str_of(file_of(model)));
        buf_appendf(out, ", \"context\": %u, \"parallel\": %u, \"ids\": [", model->context, model->parallel);
        each_id(listing, list->models[i], append_json_id);
        buf_append_text(out, "]}");
    }
    buf_append_text(out, "\n]\n");
}

static void append_text(const struct listing *listing)
{
    const struct model_list *list = registry_list(listing->models);
    for (size_t i = 0; i < list->count; i++) {
        const struct config_model *model = list->models[i]->config;
        buf_appendf(listing->out, "%s  (%s)\n", model->name, file_of(model));
        each_id(listing, list->models[i], append_text_id);
    }
}

enum error_code models_append(struct buf *out, const struct config *config, bool is_json, struct error *error)
{
    struct catalog catalog;
    struct registry *models = NULL;
    enum error_code code = catalog_load(embedded_file(STR("aliases.yaml")), &catalog, error);
    if (code != OK)
        return code;
    code = registry_new(config, NULL, &models, error);
    const struct listing listing = {&catalog, models, out};
    if (code == OK && is_json)
        append_json(&listing);
    else if (code == OK)
        append_text(&listing);
    registry_free(models);
    catalog_deinit(&catalog);
    return code;
}
