/* shadow.c - which requests, and when. What becomes of one is shadow_case.c's, what its label tells shadow_learn.c's.
 * See shadow.h. */
#include "generate/shadow_internal.h"

#include <assert.h>
#include <math.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "route/features.h"

const char *const shadow_outcome_names[SHADOW_OUTCOMES] = {
    [SHADOW_LABELLED] = "labelled",
    [SHADOW_UNJUDGED] = "unjudged",
    [SHADOW_FAILED] = "failed",
    [SHADOW_DROPPED] = "dropped",
};

/* --- which requests ----------------------------------------------------------------------------------- */

static double share_of(const struct router_config *config)
{
    double share = 0;
    return config->shadow.share && str_to_double(str_of(config->shadow.share), &share) ? share : 0;
}

bool shadow_is_wanted(const struct config *config)
{
    const struct routers_config *routers = routers_config(config);
    for (size_t i = 0; i < routers->count; i++)
        if (share_of(&routers->items[i]) > 0)
            return true;
    return false;
}

/* NULL: it has no share. */
static struct shadow_router *router_of(const struct shadow *shadow, const struct route *route)
{
    const struct router_config *config = route->router.config;
    if (!shadow || !config)
        return NULL;
    struct shadow_router *router = &shadow->routers[config - routers_config(shadow->options.work->config)->items];
    return router->config ? router : NULL;
}

bool shadow_wants(const struct shadow *shadow, const struct route *route, struct str request_id)
{
    const struct shadow_router *router = router_of(shadow, route);
    return router && (double)crc32_ieee(0, request_id.data, request_id.len) < router->share * 0x1p32;
}

/* --- the queue ---------------------------------------------------------------------------------------- */

static void count(struct shadow_router *router, enum shadow_outcome outcome)
{
    atomic_fetch_add(&router->outcomes[outcome], 1);
}

/* With the mutex held. A job has its records by the thousand: they leave room for what clients ask. */
static bool has_room_for(const struct shadow *shadow, size_t bytes, bool is_batch)
{
    return !atomic_load(&shadow->is_draining) && shadow->queued < limit(shadow_queue) &&
           bytes <= limit(shadow_queue_bytes) - shadow->queued_bytes &&
           (!is_batch || shadow->queued_batch < (limit(shadow_queue) + 1) / 2);
}

/* Room for one more; given back by leave_queue. */
static bool enter_queue(struct shadow *shadow, struct shadow_router *router, size_t bytes, bool is_batch)
{
    pthread_mutex_lock(&shadow->mutex);
    const bool has_room = has_room_for(shadow, bytes, is_batch);
    shadow->queued += has_room;
    shadow->queued_batch += has_room && is_batch;
    shadow->queued_bytes += has_room ? bytes : 0;
    pthread_mutex_unlock(&shadow->mutex);
    if (has_room)
        atomic_fetch_add(&router->waiting, 1);
    else
        count(router, SHADOW_DROPPED);
    return has_room;
}

static void leave_queue(struct shadow_case *noted)
{
    struct shadow *shadow = noted->shadow;
    pthread_mutex_lock(&shadow->mutex);
    shadow->queued--;
    shadow->queued_batch -= noted->is_batch;
    shadow->queued_bytes -= noted->bytes;
    pthread_mutex_unlock(&shadow->mutex);
    atomic_fetch_sub(&noted->router->waiting, 1);
}

static void drop(struct shadow_case *noted)
{
    leave_queue(noted);
    count(noted->router, SHADOW_DROPPED);
    shadow_case_free(noted);
}

void shadow_give(struct shadow *shadow, struct shadow_case *noted)
{
    if (!noted)
        return;
    pthread_mutex_lock(&shadow->mutex);
    *(shadow->last ? &shadow->last->next : &shadow->first) = noted;
    shadow->last = noted;
    pthread_mutex_unlock(&shadow->mutex);
    (void)uv_async_send(&shadow->wake);
}

void shadow_forget(struct shadow_case *noted)
{
    if (noted)
        drop(noted);
}

static struct shadow_case *take(struct shadow *shadow)
{
    pthread_mutex_lock(&shadow->mutex);
    struct shadow_case *noted = shadow->first;
    if (noted)
        shadow->first = noted->next;
    if (!shadow->first)
        shadow->last = NULL;
    pthread_mutex_unlock(&shadow->mutex);
    return noted;
}

/* --- the thread --------------------------------------------------------------------------------------- */

static void add_running(struct shadow *shadow, struct shadow_case *noted)
{
    noted->previous = NULL;
    noted->next = shadow->running;
    if (noted->next)
        noted->next->previous = noted;
    shadow->running = noted;
    shadow->running_count++;
}

static void remove_running(struct shadow *shadow, struct shadow_case *noted)
{
    *(noted->previous ? &noted->previous->next : &shadow->running) = noted->next;
    if (noted->next)
        noted->next->previous = noted->previous;
    shadow->running_count--;
}

void shadow_case_over(struct shadow_case *noted, enum shadow_outcome outcome)
{
    struct shadow *shadow = noted->shadow;
    count(noted->router, outcome);
    leave_queue(noted);
    remove_running(shadow, noted);
    shadow_case_free(noted);
    (void)uv_async_send(&shadow->wake); /* not from here: one case would stand on the other's stack */
}

static void close_all(struct shadow *shadow)
{
    while (shadow->running) {
        struct shadow_case *noted = shadow->running;
        remove_running(shadow, noted);
        drop(noted);
    }
    if (uv_is_closing((uv_handle_t *)&shadow->wake))
        return;
    work_port_close(&shadow->work);
    uv_close((uv_handle_t *)&shadow->wake, NULL);
}

static void on_wake(uv_async_t *wake)
{
    struct shadow *shadow = wake->data;
    const bool is_draining = atomic_load(&shadow->is_draining);
    struct shadow_case *noted;
    while ((is_draining || shadow->running_count < limit(shadow_in_flight)) && (noted = take(shadow))) {
        if (is_draining) {
            drop(noted);
            continue;
        }
        add_running(shadow, noted);
        shadow_case_begin(noted);
    }
    if (atomic_load(&shadow->is_closing))
        close_all(shadow);
}

static void *run(void *ctx)
{
    struct shadow *shadow = ctx;
    for (size_t i = 0; i < shadow->router_count; i++)
        if (shadow->routers[i].config)
            shadow_look(&shadow->routers[i], shadow);
    shadow_tell_drift(shadow);
    (void)uv_run(&shadow->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- start and stop ----------------------------------------------------------------------------------- */

/* How labels call a model: by its name, or where two of the router's are the same model, by its ID. */
static struct str label_name(const struct route *route, size_t target)
{
    for (size_t i = 0; i < route->count; i++)
        if (i != target && !strcmp(route->targets[i].name, route->targets[target].name))
            return route->targets[target].match->id;
    return str_of(route->targets[target].name);
}

/* By the list of models in the configuration; one that is not there yet is called as it is listed. */
static bool name_models(struct shadow_router *router, const struct route *route)
{
    bool fits = true;
    for (size_t i = 0; i < router->config->model_count; i++) {
        struct str name = str_of(router->config->models[i]);
        for (size_t k = 0; route && k < route->count; k++)
            if (str_eq(route->targets[k].listed, str_of(router->config->models[i])))
                name = label_name(route, k);
        router->names[i] = mem_strdup(name);
        fits = fits && router->names[i];
    }
    return fits;
}

/* Whose predictions are whose. */
static uint64_t mark_of(const struct route *route)
{
    struct predictor_facts facts;
    const char *name;
    if (!route || !routing_predictor(route, &name, &facts))
        return 0;
    const double said[] = {(double)facts.rows, (double)facts.calibration_error, (double)facts.auc,
                           (double)facts.auc_low, (double)facts.auc_high};
    return (uint64_t)crc32_ieee(1, said, sizeof(said)) << 32 | crc32_ieee(0, said, sizeof(said)) | 1;
}

static enum error_code set_up_router(struct shadow *shadow, size_t index, struct error *error)
{
    const struct work_shared *work = shadow->options.work;
    const struct router_config *config = &routers_config(work->config)->items[index];
    struct shadow_router *router = &shadow->routers[index];
    struct route *route = NULL;
    struct arena arena;
    struct error ignored;
    if (share_of(config) <= 0)
        return OK;
    router->config = config;
    router->share = share_of(config);
    arena_init(&arena, 0);
    const struct routing_asker nobody = {STR(SHADOW_TENANT), STR(""), STR("")};
    (void)!route_new(work->routing, &nobody, str_of(config->name), &arena, &route, &ignored);
    router->predictor = mark_of(route);
    enum error_code code = name_models(router, route) ? labels_path(work->config->data, str_of(config->name),
                                                                     router->path, error)
                                                       : error_no_memory(error);
    arena_deinit(&arena);
    return code;
}

static enum error_code set_up(struct shadow *shadow, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < shadow->router_count; i++)
        code = set_up_router(shadow, i, error);
    (void)uv_async_init(&shadow->loop, &shadow->wake, on_wake);
    shadow->wake.data = shadow;
    if (code == OK)
        code = work_port_open(&shadow->work, shadow->options.work, shadow->options.engine_port, &shadow->loop, error);
    if (code != OK)
        return code;
    const int failure = pthread_create(&shadow->thread, NULL, run, shadow);
    return failure ? error_set_errno(error, ERROR_IO, failure, "cannot start the thread that routers learn on") : OK;
}

static void free_shadow(struct shadow *shadow)
{
    const int rv = uv_loop_close(&shadow->loop);
    assert(rv == 0);
    (void)rv;
    for (size_t i = 0; i < shadow->router_count; i++)
        for (size_t k = 0; k < ROUTER_MODELS_MAX; k++)
            mem_free(shadow->routers[i].names[k]);
    pthread_mutex_destroy(&shadow->mutex);
    mem_free(shadow->routers);
    mem_free(shadow);
}

enum error_code shadow_open(const struct shadow_options *options, struct shadow **shadow, struct error *error)
{
    struct shadow *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    made->router_count = routers_config(options->work->config)->count;
    made->routers = mem_calloc(made->router_count + 1, sizeof(*made->routers));
    if (!made->routers || uv_loop_init(&made->loop) != 0) {
        mem_free(made->routers);
        mem_free(made);
        return error_set(error, ERROR_IO, "cannot set up the thread that routers learn on: too many open files?");
    }
    pthread_mutex_init(&made->mutex, NULL);
    const enum error_code code = set_up(made, error);
    if (code == OK) {
        *shadow = made;
        return OK;
    }
    close_all(made);
    (void)uv_run(&made->loop, UV_RUN_DEFAULT);
    free_shadow(made);
    return code;
}

void shadow_begin_drain(struct shadow *shadow)
{
    if (!shadow)
        return;
    pthread_mutex_lock(&shadow->mutex); /* who enters the queue looks at it there */
    atomic_store(&shadow->is_draining, true);
    pthread_mutex_unlock(&shadow->mutex);
    (void)uv_async_send(&shadow->wake);
}

void shadow_close(struct shadow *shadow)
{
    if (!shadow)
        return;
    atomic_store(&shadow->is_closing, true);
    shadow_begin_drain(shadow);
    (void)pthread_join(shadow->thread, NULL);
    free_shadow(shadow);
}

/* --- noting a request --------------------------------------------------------------------------------- */

#define TEXT_MAX 16384 /* bytes of a prompt's parts that are kept for a judge, or beside a label */

/* The beginning of all slices together, whole characters. */
static bool copy_text(struct arena *arena, const struct route_text *text, struct str *copy)
{
    size_t len = 0;
    for (size_t i = 0; i < text->count; i++)
        len += text->slices[i].len + (i > 0);
    char *made = arena_alloc(arena, len + 1);
    *copy = (struct str){made, 0};
    for (size_t i = 0; made && i < text->count; i++) {
        if (i > 0)
            made[copy->len++] = '\n';
        if (text->slices[i].len > 0)
            memcpy(made + copy->len, text->slices[i].data, text->slices[i].len);
        copy->len += text->slices[i].len;
    }
    if (copy->len > TEXT_MAX)
        copy->len = str_utf8_valid_len((struct str){made, TEXT_MAX});
    return made != NULL;
}

static bool copy_prompt(struct shadow_case *noted, const struct chat_request *request)
{
    struct route_prompt prompt;
    route_prompt_of_request(request, &prompt);
    const struct str session = charge_session(request);
    noted->group = session.len > 0 ? route_hash_text(ROUTE_HASH_FIRST, session) : route_prompt_hash(&prompt);
    noted->features = mem_alloc(sizeof(*noted->features));
    if (!noted->features)
        return false;
    features_read(&prompt, noted->features);
    return copy_text(&noted->arena, &prompt.user, &noted->prompt) &&
           copy_text(&noted->arena, &prompt.system, &noted->system);
}

static bool copy_answers(struct shadow_case *noted, const struct route *route, const struct placement *placement,
                         const struct chat_reply *reply)
{
    bool fits = true;
    noted->count = route->count;
    for (size_t i = 0; fits && i < route->count; i++) {
        struct shadow_answer *answer = &noted->answers[i];
        *answer = (struct shadow_answer){.predicted = route->is_predicted ? route->quality[i] : NAN,
                                         .quality = NAN, .cost = NAN};
        noted->strongest = route->strengths[i] > route->strengths[noted->strongest] ? i : noted->strongest;
        fits = arena_str(&noted->arena, label_name(route, i), &answer->name) &&
               arena_str(&noted->arena, route->targets[i].listed, &answer->listed);
        if (!fits || !str_eq(answer->listed, placement->answered.listed))
            continue;
        noted->answered = answer->name;
        answer->is_there = true;
        fits = shadow_copy_reply(&noted->arena, reply, &answer->reply);
    }
    return fits && noted->answered.data;
}

/* A large body is gone once it was parsed, and written again from what came of it. */
static bool copy_body(struct shadow_case *noted, const struct shadow_source *source)
{
    struct buf text;
    if (source->body.len > 0)
        return source->body.len <= LIMIT_SHADOW_BODY_BYTES && arena_str(&noted->arena, source->body, &noted->body);
    buf_init(&text, LIMIT_SHADOW_BODY_BYTES);
    const bool fits = source->request->body && json_append(&text, source->request->body) &&
                      arena_str(&noted->arena, buf_str(&text), &noted->body);
    buf_deinit(&text);
    return fits;
}

static bool copy_source(struct shadow_case *noted, const struct shadow_source *source)
{
    struct arena *arena = &noted->arena;
    noted->codec = source->codec;
    noted->shape = source->shape;
    noted->time_us = source->time_us;
    return arena_str(arena, source->request_id, &noted->request_id) &&
           arena_str(arena, source->asker.tenant, &noted->tenant) &&
           arena_str(arena, source->asker.account, &noted->account) &&
           arena_str(arena, source->asker.region, &noted->region) &&
           copy_body(noted, source) &&
           arena_str(arena, source->cache_salt, &noted->cache_salt);
}

/* All that a case keeps, about. */
static size_t bytes_of(const struct shadow_source *source, const struct chat_reply *reply)
{
    size_t bytes = sizeof(struct shadow_case) + sizeof(struct features) + source->body.len;
    if (source->body.len == 0)
        bytes += source->body_bytes ? source->body_bytes : LIMIT_SHADOW_BODY_BYTES;
    for (size_t i = 0; i < reply->block_count; i++)
        bytes += reply->blocks[i].text.len;
    return bytes;
}

struct shadow_case *shadow_note(struct shadow *shadow, const struct route *route, const struct shadow_source *source,
                                const struct placement *placement, const struct chat_reply *reply)
{
    struct shadow_router *router = router_of(shadow, route);
    const size_t bytes = bytes_of(source, reply);
    assert(router);
    struct shadow_case *noted = route->count > 1 ? mem_calloc(1, sizeof(*noted)) : NULL;
    if (!noted || !enter_queue(shadow, router, bytes, source->is_batch)) {
        mem_free(noted);
        return NULL;
    }
    noted->shadow = shadow;
    noted->router = router;
    noted->bytes = bytes;
    noted->is_batch = source->is_batch;
    noted->predictor = route->is_predicted ? router->predictor : 0;
    arena_init(&noted->arena, 0);
    arena_init(&noted->try.arena, 0);
    shadow_try_end(noted);
    if (copy_source(noted, source) && copy_prompt(noted, source->request) &&
        copy_answers(noted, route, placement, reply))
        return noted;
    drop(noted);
    return NULL;
}

/* --- questions ---------------------------------------------------------------------------------------- */

bool shadow_figures(const struct shadow *shadow, size_t index, struct shadow_figures *figures)
{
    *figures = (struct shadow_figures){0};
    if (!shadow || index >= shadow->router_count || !shadow->routers[index].config)
        return false;
    struct shadow_router *router = &shadow->routers[index];
    for (size_t i = 0; i < SHADOW_OUTCOMES; i++)
        figures->outcomes[i] = atomic_load(&router->outcomes[i]);
    figures->waiting = atomic_load(&router->waiting);
    figures->cost = atomic_load(&router->cost);
    figures->share = router->share;
    figures->count = router->config->model_count;
    pthread_mutex_lock((pthread_mutex_t *)&shadow->mutex);
    figures->labels = router->learnt.labels;
    memcpy(figures->since, router->learnt.since, sizeof(figures->since));
    for (size_t i = 0; i < figures->count; i++) {
        figures->models[i].name = str_of(router->config->models[i]);
        drift_measure(&router->learnt.drifts[i], &figures->models[i].drift);
        figures->drifts = figures->drifts || figures->models[i].drift.drifts;
    }
    pthread_mutex_unlock((pthread_mutex_t *)&shadow->mutex);
    return true;
}

bool shadow_figures_of(const struct shadow *shadow, const struct route *route, struct shadow_figures *figures)
{
    const struct shadow_router *router = router_of(shadow, route);
    return router && shadow_figures(shadow, (size_t)(router - shadow->routers), figures);
}
