/* registry.c - see registry.h. Everything lies in one arena that only grows: a version of a model is some hundred
 * bytes, and LIMIT_MODEL_VERSIONS bounds them. Lists that were replaced stay too: somebody may be reading one. */
#include "model/registry.h"

#include <assert.h>
#include <string.h>

#include "core/catalog.h"
#include "core/limits.h"
#include "core/table.h"

struct registry {
    struct arena arena;
    struct price_book *prices; /* of models that are added, too */
    struct table names;    /* by index */
    struct table versions; /* struct model, by worker */
    _Atomic(const struct model_list *) list;
};

/* --- reading ---------------------------------------------------------------------------------------- */

const struct model_list *registry_list(const struct registry *registry)
{
    return atomic_load_explicit(&registry->list, memory_order_acquire);
}

size_t registry_name_count(const struct registry *registry)
{
    return table_count(&registry->names);
}

const char *registry_name(const struct registry *registry, size_t index)
{
    return table_at(&registry->names, index);
}

const struct model *registry_find(const struct registry *registry, const char *name)
{
    const struct model_list *list = registry_list(registry);
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->models[i]->name, name))
            return list->models[i];
    return NULL;
}

/* --- versions --------------------------------------------------------------------------------------- */

/* The index of a name, which it gets with its first version. */
static enum error_code find_index(struct registry *registry, const char *name, uint32_t *index, struct error *error)
{
    const size_t count = table_count(&registry->names);
    for (size_t i = 0; i < count; i++) {
        *index = (uint32_t)i;
        if (!strcmp(registry_name(registry, i), name))
            return OK;
    }
    if (count >= LIMIT_MODELS)
        return error_set(error, ERROR_CONFLICT, "this server has seen %d names of models; restart it", LIMIT_MODELS);
    *index = (uint32_t)count;
    char *copy = arena_strdup(&registry->arena, str_of(name));
    return copy && table_put(&registry->names, count, copy) ? OK : error_no_memory(error);
}

/* What a provider has no price of its own for it bills as input; nobody reads or writes its cache for nothing. */
static struct config_model with_cache_prices(const struct config_model *config)
{
    struct config_model priced = *config;
    uint64_t *const rates[] = {&priced.price.cache_read, &priced.price.cache_write_5m, &priced.price.cache_write_1h};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        if (*rates[i] == 0)
            *rates[i] = priced.price.input;
    return priced;
}

/* By what is said of it, else as its provider lists it ("openai/gpt-5.5"), else as Bedrock lists it. */
static enum error_code find_upstream_price(struct registry *registry, const struct upstream_config *upstream,
                                           const struct upstream_model *settings, const struct price_row **price,
                                           struct error *error)
{
    static const char *const prefixes[UPSTREAM_KINDS] = {
        [UPSTREAM_OPENAI] = "openai.", [UPSTREAM_ANTHROPIC] = "anthropic.", [UPSTREAM_BEDROCK] = ""};
    const struct str id = str_of(upstream_model_id(settings)), bare = catalog_bare_id(id);
    *price = NULL;
    if (!registry->prices)
        return OK;
    if (settings->as.has_price || settings->as.price_as) {
        const struct config_model priced = with_cache_prices(&settings->as);
        enum error_code code = price_book_add(registry->prices, &priced, price, error);
        return code == OK ? OK : error_prefix(error, "upstream '%s', model '%s'", upstream->name, settings->as.name);
    }
    const char *provider = upstream_provider(upstream);
    const struct str listed = arena_printf(&registry->arena, "%s/" STR_FMT, provider ? provider : "", STR_ARG(id));
    if (!listed.data)
        return error_no_memory(error);
    if (provider)
        *price = price_book_find(registry->prices, listed, STR(""));
    if (!*price)
        *price = price_book_find(registry->prices, bare, price_place(id, bare));
    const struct str longer = arena_printf(&registry->arena, "%s" STR_FMT, prefixes[upstream->kind], STR_ARG(id));
    if (!longer.data)
        return error_no_memory(error);
    if (!*price)
        *price = price_book_find(registry->prices, longer, STR(""));
    return OK;
}

bool model_price_is_elsewhere(const struct model *model)
{
    if (model->kind != MODEL_UPSTREAM || model->upstream_model->as.has_price || model->upstream_model->as.price_as)
        return false;
    const char *provider = upstream_provider(model->upstream);
    if (!provider)
        return false;
    const struct str id = model->price ? str_of(model->price->id) : STR("");
    const size_t len = strlen(provider);
    return !str_starts(id, str_of(provider)) || id.len <= len || id.data[len] != '/';
}

static enum error_code make_upstream_model(struct registry *registry, const struct upstream_config *upstream,
                                           const struct upstream_model *settings, const struct model **model,
                                           struct error *error)
{
    struct model *made = ARENA_NEW(&registry->arena, struct model);
    struct model_live *live = ARENA_NEW(&registry->arena, struct model_live);
    const struct config_model *config = &settings->as;
    if (!made || !live)
        return error_no_memory(error);
    *made = (struct model){
        .name = config->name,
        .ids = config->ids,
        .id_count = config->id_count,
        .kind = MODEL_UPSTREAM,
        .worker = MODEL_NO_WORKER,
        .upstream = upstream,
        .upstream_model = settings,
        .config = config,
        .context = config->context,
        .live = live,
    };
    enum error_code code = find_index(registry, config->name, &made->index, error);
    if (code == OK)
        code = find_upstream_price(registry, upstream, settings, &made->price, error);
    *model = made;
    return code;
}

static enum error_code make_model(struct registry *registry, const struct config_model *config,
                                  const struct price_row *price, const struct price_row *teacher,
                                  const struct model **model,
                                  struct error *error)
{
    const size_t number = table_count(&registry->versions);
    if (number >= LIMIT_MODEL_VERSIONS)
        return error_set(error, ERROR_CONFLICT, "this server has added %d models; restart it", LIMIT_MODEL_VERSIONS);
    struct model *made = ARENA_NEW(&registry->arena, struct model);
    struct model_live *live = ARENA_NEW(&registry->arena, struct model_live);
    if (!made || !live)
        return error_no_memory(error);
    *made = (struct model){
        .name = config->name,
        .ids = config->ids,
        .id_count = config->id_count,
        .kind = MODEL_WORKER,
        .worker = (uint32_t)number,
        .config = config,
        .price = price,
        .teacher = teacher,
        .context = config->context,
        .parallel = config->parallel,
        .live = live,
    };
    const enum error_code code = find_index(registry, config->name, &made->index, error);
    if (code != OK)
        return code;
    if (!table_put(&registry->versions, number, made))
        return error_no_memory(error);
    *model = made;
    return OK;
}

/* NULL stays NULL. */
static bool keep(struct arena *arena, const char **text)
{
    if (*text)
        *text = arena_strdup(arena, str_of(*text));
    return *text != NULL;
}

static struct config_model *copy_config(struct arena *arena, const struct config_model *config)
{
    struct config_model *copy = ARENA_NEW(arena, struct config_model);
    const char **ids = ARENA_ARRAY(arena, const char *, config->id_count + 1);
    if (!copy || !ids)
        return NULL;
    *copy = *config;
    copy->ids = ids;
    bool is_kept = keep(arena, &copy->name) && (keep(arena, &copy->path) || !config->path) &&
                   (keep(arena, &copy->adapter) || !config->adapter) &&
                   (keep(arena, &copy->worker) || !config->worker) &&
                   (keep(arena, &copy->chat_template) || !config->chat_template) &&
                   (keep(arena, &copy->price_as) || !config->price_as) &&
                   (keep(arena, &copy->teacher) || !config->teacher);
    if (config->recall) {
        struct config_recall *recall = ARENA_NEW(arena, struct config_recall);
        is_kept = is_kept && recall;
        if (recall)
            *recall = *config->recall;
        copy->recall = recall;
    }
    for (size_t i = 0; i < config->id_count && is_kept; i++) {
        ids[i] = config->ids[i];
        is_kept = keep(arena, &ids[i]);
    }
    return is_kept ? copy : NULL;
}

/* Of an ID that a definition names; NULL where it names none, or nobody asks for prices. */
static enum error_code find_price(const struct registry *registry, const char *id, const struct price_row **price,
                                  struct error *error)
{
    *price = NULL;
    if (!id || !registry->prices)
        return OK;
    const struct str asked = str_of(id), bare = catalog_bare_id(asked);
    *price = price_book_find(registry->prices, bare, price_place(asked, bare));
    return *price ? OK : error_set(error, ERROR_INVALID, "no price book has '%s'", id);
}

enum error_code registry_add(struct registry *registry, const struct config_model *config, const struct model **model,
                             struct error *error)
{
    const struct price_row *price = NULL, *teacher;
    enum error_code found = registry->prices ? price_book_add(registry->prices, config, &price, error) : OK;
    if (found == OK)
        found = find_price(registry, config->teacher, &teacher, error);
    if (found != OK)
        return found;
    const struct config_model *copy = copy_config(&registry->arena, config);
    if (!copy)
        return error_no_memory(error);
    return make_model(registry, copy, price, teacher, model, error);
}

enum error_code registry_describe(struct registry *registry, const struct model *model,
                                  const struct engine_model_info *info, struct error *error)
{
    struct model *own = table_at(&registry->versions, model->worker);
    assert(own == model);
    struct template_generic generic = info->generic;
    for (size_t i = 0; i < TEMPLATE_PIECES; i++)
        if (!arena_str(&registry->arena, info->generic.pieces[i], &generic.pieces[i]))
            return error_no_memory(error);
    own->spec = template_choose(model->config->chat_template, str_of(info->chat_template),
                                info->has_generic ? &generic : NULL);
    own->context = info->context;
    own->parallel = info->parallel;
    own->embedding = info->embedding;
    memcpy(own->fingerprint, info->fingerprint, sizeof(own->fingerprint));
    return OK;
}

/* --- the list --------------------------------------------------------------------------------------- */

static struct model_list *new_list(struct registry *registry, size_t room)
{
    return arena_alloc(&registry->arena, sizeof(struct model_list) + room * sizeof(struct model *));
}

static void swap_list(struct registry *registry, const struct model_list *list)
{
    atomic_store_explicit(&registry->list, list, memory_order_release);
}

static void set_state(const struct model *model, enum model_state state)
{
    atomic_store(&model->live->state, state);
}

enum error_code registry_publish(struct registry *registry, const struct model *model,
                                 const struct model **replaced, struct error *error)
{
    const struct model_list *before = registry_list(registry);
    struct model_list *after = new_list(registry, before->count + 1);
    *replaced = NULL;
    if (!after)
        return error_no_memory(error);
    assert(model_state(model) == MODEL_STARTING);
    for (size_t i = 0; i < before->count; i++) {
        const bool is_same = before->models[i]->index == model->index;
        *replaced = is_same ? before->models[i] : *replaced;
        after->models[after->count++] = is_same ? model : before->models[i];
    }
    if (!*replaced)
        after->models[after->count++] = model;
    set_state(model, MODEL_READY);
    swap_list(registry, after);
    if (*replaced)
        set_state(*replaced, MODEL_RETIRING);
    return OK;
}

void registry_give_up(const struct model *model)
{
    if (model_state(model) == MODEL_STARTING)
        set_state(model, MODEL_FAILED);
}

enum error_code registry_retire(struct registry *registry, const struct model *model, struct error *error)
{
    const struct model_list *before = registry_list(registry);
    struct model_list *after = new_list(registry, before->count);
    if (!after)
        return error_no_memory(error);
    assert(model_state(model) == MODEL_READY);
    for (size_t i = 0; i < before->count; i++)
        if (before->models[i] != model)
            after->models[after->count++] = before->models[i];
    swap_list(registry, after);
    set_state(model, MODEL_RETIRING);
    return OK;
}

/* --- beginning and end ------------------------------------------------------------------------------ */

static enum error_code add_upstream(struct registry *registry, const struct upstream_config *upstream,
                                    struct model_list *list, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < upstream->model_count && code == OK; i++) {
        const struct model *model = NULL;
        code = make_upstream_model(registry, upstream, &upstream->models[i], &model, error);
        if (code != OK)
            break;
        set_state(model, MODEL_READY);
        list->models[list->count++] = model;
    }
    return code;
}

static enum error_code add_configured(struct registry *registry, const struct config *config, struct error *error)
{
    const struct upstreams_config *upstreams = upstreams_config(config);
    size_t count = config->model_count;
    for (size_t i = 0; i < upstreams->count; i++)
        count += upstreams->items[i].model_count;
    struct model_list *list = new_list(registry, count);
    enum error_code code = list ? OK : error_no_memory(error);
    for (size_t i = 0; i < config->model_count && code == OK; i++) {
        const struct model *model;
        const struct price_row *price = registry->prices ? price_book_own(registry->prices, i) : NULL;
        const struct price_row *teacher = NULL;
        code = find_price(registry, config->models[i].teacher, &teacher, error);
        if (code == OK)
            code = make_model(registry, &config->models[i], price, teacher, &model, error);
        if (code != OK)
            break;
        set_state(model, MODEL_READY);
        list->models[list->count++] = model;
    }
    for (size_t i = 0; i < upstreams->count && code == OK; i++)
        code = add_upstream(registry, &upstreams->items[i], list, error);
    swap_list(registry, list);
    return code;
}

enum error_code registry_new(const struct config *config, struct price_book *prices, struct registry **registry,
                             struct error *error)
{
    *registry = NULL;
    struct registry *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    arena_init(&made->arena, 0);
    made->prices = prices;
    const enum error_code code = add_configured(made, config, error);
    if (code != OK) {
        registry_free(made);
        return code;
    }
    *registry = made;
    return OK;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    table_deinit(&registry->names);
    table_deinit(&registry->versions);
    arena_deinit(&registry->arena);
    mem_free(registry);
}

/* --- a model and its requests ----------------------------------------------------------------------- */

enum model_state model_state(const struct model *model)
{
    return (enum model_state)atomic_load(&model->live->state);
}

/* Either we see that the model has ended, or whoever ends it sees us: both write first and then read, in one order for
 * all threads. */
bool model_hold(const struct model *model)
{
    atomic_fetch_add(&model->live->holds, 1);
    if (atomic_load(&model->live->state) < MODEL_RETIRED)
        return true;
    model_release(model);
    return false;
}

void model_release(const struct model *model)
{
    const uint64_t before = atomic_fetch_sub(&model->live->holds, 1);
    assert(before > 0);
    (void)before;
}

bool model_try_end(const struct model *model)
{
    assert(model_state(model) == MODEL_RETIRING);
    set_state(model, MODEL_RETIRED);
    if (atomic_load(&model->live->holds) == 0)
        return true;
    set_state(model, MODEL_RETIRING);
    return false;
}
