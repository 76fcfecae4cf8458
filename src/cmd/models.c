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

static void append_json_id(void *ctx, const char *id)
{
    struct buf *out = ctx;
    if (out->data[out->len - 1] != '[')
        buf_append_text(out, ", ");
    buf_append_json(out, str_of(id));
}

static void append_text_id(void *ctx, const char *id)
{
    buf_appendf(ctx, "    %s\n", id);
}

static void append_json(const struct listing *listing)
{
    struct buf *out = listing->out;
    buf_append_char(out, '[');
    const struct model_list *list = registry_list(listing->models);
    for (size_t i = 0; i < list->count; i++) {
        const struct config_model *model = list->models[i]->config;
        const struct upstream_config *upstream = list->models[i]->upstream;
        buf_append_text(out, i ? ",\n {\"name\": " : "\n {\"name\": ");
        buf_append_json(out, str_of(model->name));
        buf_append_text(out, upstream ? ", \"upstream\": " : ", \"file\": ");
        buf_append_json(out, str_of(upstream ? upstream->name : file_of(model)));
        if (upstream) {
            buf_append_text(out, ", \"upstreamModel\": ");
            buf_append_json(out, str_of(upstream_model_id(list->models[i]->upstream_model)));
        }
        buf_appendf(out, ", \"context\": %u, \"parallel\": %u, \"ids\": [", model->context, model->parallel);
        catalog_each_id(listing->catalog, listing->models, list->models[i], append_json_id, out);
        buf_append_text(out, "]}");
    }
    buf_append_text(out, "\n]\n");
}

static void append_text(const struct listing *listing)
{
    const struct model_list *list = registry_list(listing->models);
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        if (model->upstream)
            buf_appendf(listing->out, "%s  (%s of upstream %s)\n", model->name,
                        upstream_model_id(model->upstream_model), model->upstream->name);
        else
            buf_appendf(listing->out, "%s  (%s)\n", model->name, file_of(model->config));
        catalog_each_id(listing->catalog, listing->models, list->models[i], append_text_id, listing->out);
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
