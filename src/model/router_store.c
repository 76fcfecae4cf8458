/* router_store.c - prompt routers as resources: their columns in state.db. What a router may be is checked before. See
 * router_store.h. */
#include "model/router_store.h"

#include "core/json.h"
#include "core/limits.h"
#include "store/state.h"

#define MODELS_TEXT_MAX (64u << 10)

static const char *const steps[] = {
    "CREATE TABLE prompt_router (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, token TEXT NOT NULL, tags TEXT NOT NULL, models TEXT NOT NULL, "
    "fallback INTEGER NOT NULL, difference INTEGER NOT NULL, created_us INTEGER NOT NULL, "
    "updated_us INTEGER NOT NULL) STRICT",
};

static bool copy_router(void *resource, struct arena *arena)
{
    struct router *router = resource;
    bool is_copied = true;
    for (size_t i = 0; i < router->model_count; i++)
        is_copied = is_copied && arena_str(arena, router->models[i].listed, &router->models[i].listed) &&
                    arena_str(arena, router->models[i].source, &router->models[i].source);
    return is_copied;
}

/* --- models as text: a JSON array of {"listed", "source"} ------------------------------------------- */

static bool write_models(const struct router *router, struct buf *text)
{
    for (size_t i = 0; i < router->model_count; i++) {
        buf_append_text(text, i ? ",{\"listed\":" : "[{\"listed\":");
        buf_append_json(text, router->models[i].listed);
        buf_append_text(text, ",\"source\":");
        buf_append_json(text, router->models[i].source);
        buf_append_char(text, '}');
    }
    return buf_append_char(text, ']');
}

static enum error_code read_list(yyjson_val *root, struct router *router, struct arena *arena, struct error *error)
{
    yyjson_val *item;
    size_t i, max;
    bool is_copied = true;
    const size_t count = yyjson_is_arr(root) ? yyjson_arr_size(root) : 0;
    if (count == 0 || count > ROUTER_MODELS_MAX || router->fallback >= count)
        return error_set(error, ERROR_INTERNAL, STATE_DB_FILE ": prompt router '%s' makes no sense", router->head.id);
    yyjson_arr_foreach(root, i, max, item)
    {
        is_copied = is_copied &&
                    arena_str(arena, json_str(yyjson_obj_get(item, "listed")), &router->models[i].listed) &&
                    arena_str(arena, json_str(yyjson_obj_get(item, "source")), &router->models[i].source);
    }
    router->model_count = count;
    return is_copied ? OK : error_no_memory(error);
}

static enum error_code read_models(struct str text, struct router *router, struct arena *arena, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(text, &doc, error);
    if (code == OK)
        code = read_list(yyjson_doc_get_root(doc), router, arena, error);
    json_free(doc);
    return code;
}

/* --- columns ---------------------------------------------------------------------------------------- */

/* `difference` is in percent. */
#define COLUMNS "account, region, name, description, models, fallback, difference"
#define COLUMN_COUNT 7

static const size_t strings[] = {
    offsetof(struct router, account), offsetof(struct router, region), offsetof(struct router, name),
    offsetof(struct router, description),
};

static enum error_code read_router(void *resource, struct sql_statement *row, int column, struct arena *arena,
                                   struct error *error)
{
    struct router *router = resource;
    router->kind = ROUTER_CUSTOM;
    router->rule = ROUTER_RULE_DIFFERENCE;
    router->margin = ROUTER_MARGIN;
    router->fallback = (size_t)sql_int(row, column + 1);
    router->difference = (double)sql_int(row, column + 2) / 100;
    return read_models(sql_text(row, column), router, arena, error);
}

static enum error_code bind_router(const void *resource, struct sql_statement *query, int parameter,
                                   struct arena *arena, struct error *error)
{
    const struct router *router = resource;
    struct buf text;
    struct str models;
    buf_init(&text, MODELS_TEXT_MAX);
    const bool is_written = write_models(router, &text) && arena_str(arena, buf_str(&text), &models);
    buf_deinit(&text);
    if (!is_written)
        return error_no_memory(error);
    sql_bind_text(query, parameter, models);
    sql_bind_int(query, parameter + 1, (int64_t)router->fallback);
    sql_bind_int(query, parameter + 2, (int64_t)(router->difference * 100 + 0.5));
    return OK;
}

/* --- the kind --------------------------------------------------------------------------------------- */

static bool is_same_request(const void *one, const void *another)
{
    const struct router *a = one, *b = another;
    bool is_equal = str_eq(a->name, b->name) && str_eq(a->description, b->description) &&
                   a->difference == b->difference && a->model_count == b->model_count && a->fallback == b->fallback;
    for (size_t i = 0; is_equal && i < a->model_count; i++)
        is_equal = str_eq(a->models[i].listed, b->models[i].listed);
    return is_equal;
}

static enum error_code check_name(const void *other, const void *resource, struct error *error)
{
    const struct router *taken = other, *router = resource;
    return str_eq(taken->name, router->name)
               ? error_set(error, ERROR_CONFLICT,
                           "promptRouterName: a prompt router named '" STR_FMT "' exists already",
                           STR_ARG(router->name))
               : OK;
}

static uint64_t most_routers(bool of_all_tenants)
{
    return of_all_tenants ? limit(prompt_routers_all) : limit(prompt_routers);
}

const struct resource_kind router_resource = {
    .name = "prompt router",
    .names = "prompt routers",
    .room = "prompt_routers",
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
    .table = "prompt_router",
    .columns = COLUMNS,
    .column_count = COLUMN_COUNT,
    .size = sizeof(struct router),
    .strings = strings,
    .string_count = sizeof(strings) / sizeof(strings[0]),
    .copy = copy_router,
    .read = read_router,
    .bind = bind_router,
    .is_same = is_same_request,
    .check = check_name,
    .most = most_routers,
};
