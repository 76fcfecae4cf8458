/* scheduler.c - inbox, events and the loop. See scheduler.h. */
#include "engine/scheduler_internal.h"

#include "core/log.h"
#include "core/must.h"
#include "core/util.h"

/* --- events ----------------------------------------------------------------------------------------- */

void event_free(struct event *event)
{
    buf_deinit(&event->text);
    buf_deinit(&event->logprobs);
    mem_free(event->error);
    mem_free(event);
}

/* An event that can't be made would leave a request hanging: end the process,
 * the gateway answers for it and starts another. */
struct event *add_event(struct scheduler *s, enum event_kind kind, struct job *job)
{
    struct event *event = mem_must_calloc(1, sizeof(*event));
    event->kind = kind;
    event->job = job;
    buf_init(&event->text, 1u << 20);
    *s->events_end = event;
    s->events_end = &event->next;
    return event;
}

void add_failure(struct scheduler *s, struct job *job, const struct error *error)
{
    struct event *event = add_event(s, EVENT_FAILED, job);
    event->error = mem_must_calloc(1, sizeof(*error));
    *event->error = *error;
}

static void post_events(struct scheduler *s)
{
    struct event *events = s->events;
    if (events == NULL)
        return;
    s->events = NULL;
    s->events_end = &s->events;
    s->options.post(s->options.ctx, events);
}

/* --- the inbox -------------------------------------------------------------------------------------- */

/* Takes what arrived; sleeps while there is nothing to do. False: quit. */
static bool take_inbox(struct scheduler *s)
{
    const bool idle = queue_is_idle(s);
    if (idle)
        broker_client_idle(s->options.broker);
    pthread_mutex_lock(&s->mutex);
    while (idle && s->inbox.first == NULL && !s->is_quitting && !s->has_progress && !s->has_cancel)
        pthread_cond_wait(&s->wake, &s->mutex);
    struct job *arrived = s->inbox.first;
    s->inbox = (struct job_list){.last = &s->inbox.first};
    const bool has_cancel = s->has_cancel, is_quitting = s->is_quitting;
    s->has_cancel = s->has_progress = false;
    pthread_mutex_unlock(&s->mutex);
    broker_client_progress(s->options.broker, clock_now_us());
    while (arrived != NULL) {
        struct job *job = arrived;
        arrived = job->next;
        queue_add(s, job);
    }
    if (has_cancel)
        queue_drop_cancelled(s);
    return !is_quitting;
}

/* --- the loop --------------------------------------------------------------------------------------- */

static void publish_cache(struct scheduler *s)
{
    struct prefix_stats stats;
    struct broker_slot *slot = s->options.broker->slot;
    if (s->options.prefixes == NULL)
        return;
    prefix_store_stats(s->options.prefixes, &stats);
    atomic_store_explicit(&slot->cache_bytes, stats.bytes[CACHE_MEMORY], memory_order_relaxed);
    atomic_store_explicit(&slot->cache_tokens, stats.tokens[CACHE_MEMORY], memory_order_relaxed);
    atomic_store_explicit(&slot->cache_disk_bytes, stats.bytes[CACHE_DISK], memory_order_relaxed);
    atomic_store_explicit(&slot->cache_disk_tokens, stats.tokens[CACHE_DISK], memory_order_relaxed);
    atomic_store_explicit(&slot->cache_evicted, stats.evicted, memory_order_relaxed);
}

static void publish_tiers(struct scheduler *s)
{
    struct broker_slot *slot = s->options.broker->slot;
    uint32_t running[TIERS] = {0}, preempted[TIERS] = {0};
    for (uint32_t i = 0; i < s->count; i++)
        running[s->sequences[i]->job->request.tier]++;
    for (size_t tier = 0; tier < TIERS; tier++)
        for (const struct sequence *seq = s->preempted[tier].first; seq != NULL; seq = seq->next)
            preempted[seq->job->request.tier]++;
    for (size_t tier = 0; tier < TIERS; tier++) {
        atomic_store_explicit(&slot->queued_tokens[tier], scheduler_queued_tokens(s, (uint8_t)tier),
                              memory_order_relaxed);
        atomic_store_explicit(&slot->queued[tier], s->queued[tier], memory_order_relaxed);
        atomic_store_explicit(&slot->running[tier], running[tier], memory_order_relaxed);
        atomic_store_explicit(&slot->preempted[tier], preempted[tier], memory_order_relaxed);
    }
}

/* Cells are promised before, so only a kind of state with rules of its own can
 * run out; the youngest in the pass gives way. A broken decode ends all in it. */
static void after_failed_pass(struct scheduler *s, const struct step_shape *pass, enum model_result result)
{
    bool is_over = false;
    struct error error;
    (void)error_set(&error, ERROR_MODEL, result == MODEL_NO_CELLS ? "the engine ran out of KV cells"
                                                                  : "the engine failed to compute this request");
    for (uint32_t i = s->count; i-- > 0;) {
        struct sequence *seq = s->sequences[i];
        if (!step_has(seq, pass))
            continue;
        seq->batched = 0;
        seq->wants_logits = false;
        if (!is_over)
            sequence_fail(s, seq, &error);
        is_over = result == MODEL_NO_CELLS;
    }
}

static void count_pass(struct scheduler *s, const struct step_shape *pass, uint64_t us)
{
    struct broker_slot *slot = s->options.broker->slot;
    const double predicted_us = step_cost_predict(&s->cost, pass);
    const double error_us = predicted_us > (double)us ? predicted_us - (double)us : (double)us - predicted_us;
    if (pass->prompt > 0) {
        must(s->redone <= pass->prompt, "what was computed again is part of the prompts", LOG_I("redone", s->redone),
             LOG_I("prompt", pass->prompt));
        atomic_fetch_add_explicit(&slot->prefilled_tokens, pass->prompt - s->redone, memory_order_relaxed);
        atomic_fetch_add_explicit(&slot->recomputed_tokens, s->redone, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&slot->steps_us, us, memory_order_relaxed);
    if (s->cost.passes > 0)
        atomic_fetch_add_explicit(&slot->steps_error_us, (uint64_t)error_us, memory_order_relaxed);
    step_cost_learn(&s->cost, pass, (double)us);
}

static void compute_pass(struct scheduler *s, const struct step_shape *pass)
{
    must(pass->replies + pass->prompt > 0 && pass->replies + pass->prompt <= s->facts->batch,
         "a pass has rows, and no more than the batch", LOG_I("replies", pass->replies), LOG_I("prompt", pass->prompt),
         LOG_I("batch", s->facts->batch));
    struct broker_client *broker = s->options.broker;
    const uint64_t began_us = clock_now_us();
    step_fill(s, pass);
    model_set_threads(s->options.model, broker_client_begin(broker, began_us));
    const enum model_result result = model_decode(s->options.model);
    const uint64_t ended_us = clock_now_us();
    broker_client_end(broker, ended_us);
    if (result != MODEL_OK) {
        after_failed_pass(s, pass, result);
        return;
    }
    count_pass(s, pass, ended_us - began_us);
    reply_advance(s, pass);
}

/* Somebody of a higher tier came, who need not wait for another pass. */
static bool is_overtaken(struct scheduler *s)
{
    const uint8_t top = step_top_tier(s);
    bool result = false;
    pthread_mutex_lock(&s->mutex);
    for (const struct job *job = s->inbox.first; job != NULL && !result; job = job->next)
        result = job->request.tier < top;
    pthread_mutex_unlock(&s->mutex);
    return result;
}

static void step(struct scheduler *s)
{
    struct step_shape passes[STEP_PASSES];
    step_restore(s);
    step_compose(s);
    const uint32_t count = step_cost_passes(&s->cost, &s->shape, passes);
    if (s->shape.replies + s->shape.prompt == 0)
        return; /* all are being restored */
    atomic_fetch_add_explicit(&s->options.broker->slot->steps, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < count && (i == 0 || !is_overtaken(s)); i++) {
        compute_pass(s, &passes[i]);
        publish_cache(s); /* with what the pass stored: there may be no next one for long */
        publish_tiers(s);
        post_events(s);
    }
}

void scheduler_run(struct scheduler *s)
{
    publish_cache(s); /* an earlier process may have left something on disk */
    while (take_inbox(s)) {
        queue_sweep(s);
        queue_admit(s);
        publish_tiers(s);
        post_events(s);
        if (s->count > 0)
            step(s);
    }
}

/* --- life ------------------------------------------------------------------------------------------- */

struct scheduler *scheduler_new(const struct scheduler_options *options)
{
    struct scheduler *s = mem_calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->options = *options;
    s->facts = model_facts(options->model);
    s->scratch = mem_calloc(s->facts->vocabulary, sizeof(*s->scratch));
    if (s->scratch == NULL) {
        mem_free(s);
        return NULL;
    }
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->wake, NULL);
    s->inbox.last = &s->inbox.first;
    queue_init(s);
    step_cost_init(&s->cost, s->facts->tile);
    if (options->row_us > 0)
        step_cost_fix(&s->cost, options->row_us);
    s->events_end = &s->events;
    return s;
}

void scheduler_free(struct scheduler *s)
{
    if (s == NULL)
        return;
    while (s->count > 0)
        sequence_end(s, s->sequences[s->count - 1]);
    must(s->cells_promised == 0, "nobody runs, so no cells are promised", LOG_I("promised", s->cells_promised));
    for (size_t tier = 0; tier < TIERS; tier++)
        while (s->preempted[tier].first != NULL)
            sequence_drop_preempted(s, sequence_list_pop(&s->preempted[tier]));
    queue_deinit(s);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->wake);
    mem_free(s->scratch);
    mem_free(s);
}

void scheduler_submit(struct scheduler *s, struct job *job)
{
    atomic_fetch_add(&s->queued_tokens[job->request.tier], job->tokens.count);
    job->next = NULL;
    pthread_mutex_lock(&s->mutex);
    *s->inbox.last = job;
    s->inbox.last = &job->next;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

void scheduler_cancel(struct scheduler *s, struct job *job)
{
    atomic_store(&job->is_cancelled, true);
    pthread_mutex_lock(&s->mutex);
    s->has_cancel = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

void scheduler_quit(struct scheduler *s)
{
    pthread_mutex_lock(&s->mutex);
    s->is_quitting = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

void scheduler_wake(struct scheduler *s)
{
    pthread_mutex_lock(&s->mutex);
    s->has_progress = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
}

uint64_t scheduler_queued_tokens(const struct scheduler *s, uint8_t tier)
{
    return atomic_load(&s->queued_tokens[tier]);
}
