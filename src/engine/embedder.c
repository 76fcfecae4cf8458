/* embedder.c - see embedder.h. */
#include "engine/embedder.h"

#include <math.h>
#include <pthread.h>

#include "core/must.h"
#include "core/util.h"

/* An input in the present batch; its place in the list is its sequence. */
struct part {
    struct embed_job *job;
    size_t input;
};

struct embedder {
    struct embedder_options options;
    const struct model_facts *facts;
    pthread_mutex_t mutex; /* guards the lists */
    pthread_cond_t wake;
    struct embed_job *first[TIERS], **last[TIERS];
    bool is_quitting;
    _Atomic uint64_t queued_tokens[TIERS];
    struct part parts[MODEL_SEQUENCES];
    size_t part_count;
};

/* --- jobs ------------------------------------------------------------------------------------------- */

static enum error_code take_tokens(const struct model *model, const struct engine_input *input, size_t index,
                                   struct model_tokens *tokens, struct error *error)
{
    const uint32_t vocabulary = model_facts(model)->vocabulary;
    tokens->items = mem_alloc((size_t)input->token_count * sizeof(*tokens->items) + 1);
    tokens->cap = tokens->items != NULL ? input->token_count : 0;
    if (tokens->items == NULL)
        return error_no_memory(error);
    for (uint32_t i = 0; i < input->token_count; i++) {
        if (input->tokens[i] < 0 || (uint32_t)input->tokens[i] >= vocabulary)
            return error_set(error, ERROR_INVALID, "input[%zu][%u]: %d is no token of this model, which has %u", index,
                             i, input->tokens[i], vocabulary);
        tokens->items[tokens->count++] = input->tokens[i];
    }
    return OK;
}

/* A text that can't fit whatever its tokens are is not tokenised. */
static enum error_code prepare_input(const struct model *model, const struct engine_input *input, size_t index,
                                     struct model_tokens *tokens, struct error *error)
{
    const struct model_facts *facts = model_facts(model);
    const size_t at_least = input->text.len / facts->piece_max;
    const bool is_hopeless = input->text.data != NULL && at_least > facts->context;
    enum error_code code = OK;
    if (!is_hopeless)
        code = input->text.data != NULL ? model_tokenize_input(model, input->text, tokens, error)
                                        : take_tokens(model, input, index, tokens, error);
    const size_t count = is_hopeless ? at_least : tokens->count;
    if (code == OK && count > facts->context)
        return error_set(error, ERROR_INVALID, "input[%zu]: Input is too long for requested model: prompt is too long: "
                         "%zu tokens > %u maximum", index, count, facts->context);
    if (code == OK && count == 0)
        return error_set(error, ERROR_INVALID, "input[%zu]: it has no tokens", index);
    return code;
}

enum error_code embed_job_prepare(const struct model *model, struct embed_job *job, struct arena *arena,
                                  struct error *error)
{
    const size_t count = job->wanted.count;
    enum error_code code = count > 0 ? OK : error_set(error, ERROR_INVALID, "input: it is empty");
    job->tokens = ARENA_ARRAY(arena, struct model_tokens, count + 1);
    job->counts = ARENA_ARRAY(arena, uint32_t, count + 1);
    if (job->tokens == NULL || job->counts == NULL)
        return error_no_memory(error);
    for (size_t i = 0; i < count && code == OK; i++) {
        code = prepare_input(model, &job->wanted.inputs[i], i, &job->tokens[i], error);
        job->counts[i] = (uint32_t)job->tokens[i].count;
    }
    return code;
}

void embed_job_deinit(struct embed_job *job)
{
    for (size_t i = 0; job->tokens != NULL && i < job->wanted.count; i++)
        model_tokens_deinit(&job->tokens[i]);
    mem_free(job->values);
    job->tokens = NULL;
    job->values = NULL;
}

uint64_t embed_job_tokens(const struct embed_job *job)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < job->wanted.count; i++)
        sum += job->counts[i];
    return sum;
}

static bool is_over(const struct embed_job *job)
{
    return job->error.code != OK || job->made == job->wanted.count || atomic_load(&job->is_cancelled);
}

/* --- batches ---------------------------------------------------------------------------------------- */

static bool has_room(const struct embedder *e, const struct model_tokens *tokens)
{
    const uint32_t rows = model_batch_count(e->options.model);
    if (e->part_count == e->facts->parallel || (e->options.is_serial && e->part_count > 0))
        return false;
    return tokens->count <= e->facts->batch - rows;
}

/* The job's next input, where it fits. */
static bool add_next(struct embedder *e, struct embed_job *job)
{
    if (is_over(job) || job->taken == job->wanted.count || !has_room(e, &job->tokens[job->taken]))
        return false;
    const struct model_tokens *tokens = &job->tokens[job->taken];
    for (size_t i = 0; i < tokens->count; i++)
        model_batch_add(e->options.model, tokens->items[i], (uint32_t)i, (uint32_t)e->part_count, true);
    e->parts[e->part_count++] = (struct part){job, job->taken++};
    return true;
}

/* With the mutex. */
static void compose(struct embedder *e)
{
    model_batch_clear(e->options.model);
    e->part_count = 0;
    for (size_t tier = 0; tier < TIERS; tier++) {
        bool has_added = true;
        while (has_added) {
            has_added = false;
            for (struct embed_job *job = e->first[tier]; job != NULL; job = job->next)
                has_added |= add_next(e, job);
        }
    }
}

/* Of length 1. False: what the model made are no numbers. */
static bool normalise(const float *from, uint32_t width, float *to)
{
    double sum = 0;
    for (uint32_t i = 0; i < width; i++)
        sum += (double)from[i] * (double)from[i];
    if (!isfinite(sum))
        return false;
    const double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (uint32_t i = 0; i < width; i++)
        to[i] = (float)((double)from[i] * scale);
    return true;
}

static void take_result(struct embedder *e, uint32_t sequence, enum model_result result)
{
    struct embed_job *job = e->parts[sequence].job;
    const uint32_t width = e->facts->embedding;
    const float *made = result == MODEL_OK ? model_embedding(e->options.model, sequence) : NULL;
    if (job->values == NULL && made != NULL)
        job->values = mem_alloc(job->wanted.count * width * sizeof(float));
    if (made == NULL || job->values == NULL)
        (void)error_set(&job->error, made == NULL ? ERROR_MODEL : ERROR_NO_MEMORY,
                        made == NULL ? "the engine failed to compute this input" : "out of memory");
    else if (!normalise(made, width, job->values + e->parts[sequence].input * width))
        (void)error_set(&job->error, ERROR_MODEL, "the model made no finite numbers of this input");
    else
        job->made++;
}

static void compute(struct embedder *e)
{
    struct model *model = e->options.model;
    struct broker_client *broker = e->options.broker;
    const uint32_t rows = model_batch_count(model);
    if (e->part_count == 0)
        return;
    const uint64_t began_us = clock_now_us();
    model_set_threads(model, broker_client_begin(broker, began_us));
    const enum model_result result = model_decode(model);
    const uint64_t ended_us = clock_now_us();
    broker_client_end(broker, ended_us);
    atomic_fetch_add_explicit(&broker->slot->steps, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&broker->slot->steps_us, ended_us - began_us, memory_order_relaxed);
    if (result == MODEL_OK)
        atomic_fetch_add_explicit(&broker->slot->prefilled_tokens, rows, memory_order_relaxed);
    for (uint32_t i = 0; i < e->part_count; i++)
        take_result(e, i, result);
    model_clear(model);
}

/* --- the loop --------------------------------------------------------------------------------------- */

/* With the mutex: jobs that are over leave their lists. */
static struct embed_job *take_over(struct embedder *e)
{
    struct embed_job *result = NULL, **end = &result;
    for (size_t tier = 0; tier < TIERS; tier++) {
        struct embed_job **at = &e->first[tier];
        while (*at != NULL) {
            struct embed_job *job = *at;
            if (!is_over(job)) {
                at = &job->next;
                continue;
            }
            *at = job->next;
            job->next = NULL;
            *end = job;
            end = &job->next;
            atomic_fetch_sub(&e->queued_tokens[tier], embed_job_tokens(job));
        }
        e->last[tier] = at;
    }
    return result;
}

static bool is_idle(const struct embedder *e)
{
    for (size_t tier = 0; tier < TIERS; tier++)
        if (e->first[tier] != NULL)
            return false;
    return true;
}

/* False: quit. The caller has the mutex then. */
static bool await_work(struct embedder *e)
{
    pthread_mutex_lock(&e->mutex);
    if (is_idle(e))
        broker_client_idle(e->options.broker);
    while (is_idle(e) && !e->is_quitting)
        pthread_cond_wait(&e->wake, &e->mutex);
    return !e->is_quitting;
}

void embedder_run(struct embedder *e)
{
    while (await_work(e)) {
        broker_client_progress(e->options.broker, clock_now_us());
        compose(e);
        pthread_mutex_unlock(&e->mutex);
        compute(e);
        pthread_mutex_lock(&e->mutex);
        struct embed_job *over = take_over(e);
        pthread_mutex_unlock(&e->mutex);
        if (over != NULL)
            e->options.post(e->options.ctx, over);
    }
    pthread_mutex_unlock(&e->mutex);
}

void embedder_submit(struct embedder *e, struct embed_job *job)
{
    const enum tier tier = job->wanted.tier;
    must(job->next == NULL && job->made == 0, "a job is new", LOG_I("inputs", job->wanted.count));
    atomic_fetch_add(&e->queued_tokens[tier], embed_job_tokens(job));
    pthread_mutex_lock(&e->mutex);
    *e->last[tier] = job;
    e->last[tier] = &job->next;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->mutex);
}

void embedder_quit(struct embedder *e)
{
    pthread_mutex_lock(&e->mutex);
    e->is_quitting = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->mutex);
}

uint64_t embedder_queued_tokens(const struct embedder *e, enum tier tier)
{
    return atomic_load(&e->queued_tokens[tier]);
}

struct embedder *embedder_new(const struct embedder_options *options)
{
    struct embedder *e = mem_calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->options = *options;
    e->facts = model_facts(options->model);
    for (size_t tier = 0; tier < TIERS; tier++)
        e->last[tier] = &e->first[tier];
    pthread_mutex_init(&e->mutex, NULL);
    pthread_cond_init(&e->wake, NULL);
    return e;
}

void embedder_free(struct embedder *e)
{
    if (e == NULL)
        return;
    pthread_mutex_destroy(&e->mutex);
    pthread_cond_destroy(&e->wake);
    mem_free(e);
}
