/* scheduler.c - see scheduler.h. */
#include "engine/scheduler.h"

#include <math.h>
#include <pthread.h>

#include "core/log.h"
#include "core/util.h"
#include "engine/sampler.h"
#include "engine/text.h"

/* A step while replies run may take twice as long as their tokens alone, but
 * between these two: less would starve prompts behind many replies, and a
 * token must arrive within 250 ms even when the prediction is too low. Without
 * replies a step still ends soon, because cancels and arrivals wait for it. */
#define REPLY_STEP_LEAST_US 90000.0
#define REPLY_STEP_MOST_US 170000.0
#define PROMPT_STEP_US 200000.0
#define RESTORE_STEP_TOKENS 8192u /* of stored prefixes put back in one step: about 20 ms */
#define CHUNK_LEAST 8u
#define CHUNK_FIRST 32u /* before anything was measured */
#define COST_WEIGHT 0.5 /* of the newest measurement; prompts get dearer with depth */

enum phase { PHASE_PROMPT, PHASE_REPLY };

struct sequence {
    struct job *job;
    uint32_t id;      /* of the model's sequences */
    enum phase phase;
    uint32_t past;    /* tokens whose state is in the cells */
    uint32_t batched; /* of them, how many the present step adds */
    uint32_t row;     /* of the batch, where logits are wanted */
    bool wants_logits;
    model_token token; /* chosen, not yet decoded */
    uint32_t output, output_max, cells;
    uint32_t silent_tokens; /* chosen since the last text event */
    struct text_filter text;
    struct sampler sampler;
    struct model_tokens reply; /* chosen so far, where replies are kept */
    bool in_string, is_escaped; /* of the JSON that the grammar made so far */
    uint64_t admitted_us, first_us;
};

struct job_list {
    struct job *first, **last;
};

struct scheduler {
    struct scheduler_options options;
    const struct model_facts *facts;

    pthread_mutex_t mutex; /* guards the five below */
    pthread_cond_t wake;
    struct job_list inbox;
    bool is_quitting, has_cancel, has_progress;
    _Atomic uint64_t queued_tokens;

    /* model thread only */
    struct job_list waiting[SCHEDULER_TIERS];
    struct job_list parked; /* their prefix is being computed by another, or read from disk */
    struct sequence *sequences[MODEL_SEQUENCES]; /* running, in order of admission */
    uint32_t count;
    bool id_taken[MODEL_SEQUENCES];
    uint64_t cells_promised;
    struct sampler_candidate *scratch;
    struct event *events, **events_end;
    double token_us;           /* prompt token in a batch */
    double decode_us;          /* step of decode_count replies alone */
    uint32_t decode_count;
    model_token closers[3];    /* of JSON: " } ], -1 where the vocabulary has none */
};

/* --- lists ------------------------------------------------------------------------------------------ */

static void list_clear(struct job_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_push(struct job_list *list, struct job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static void list_push_front(struct job_list *list, struct job *job)
{
    job->next = list->first;
    if (list->first == NULL)
        list->last = &job->next;
    list->first = job;
}

static struct job *list_pop(struct job_list *list)
{
    struct job *job = list->first;
    list->first = job->next;
    if (list->first == NULL)
        list->last = &list->first;
    return job;
}

/* --- events ----------------------------------------------------------------------------------------- */

void event_free(struct event *event)
{
    buf_deinit(&event->text);
    mem_free(event->error);
    mem_free(event);
}

/* An event that can't be made would leave a request hanging: end the process,
 * the gateway answers for it and starts another. */
static struct event *add_event(struct scheduler *s, enum event_kind kind, struct job *job)
{
    struct event *event = mem_must_calloc(1, sizeof(*event));
    event->kind = kind;
    event->job = job;
    buf_init(&event->text, 1u << 20);
    *s->events_end = event;
    s->events_end = &event->next;
    return event;
}

static void add_failure(struct scheduler *s, struct job *job, const struct error *error)
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

/* --- beginning and end of a sequence ---------------------------------------------------------------- */

static uint32_t reply_room(const struct scheduler *s, const struct job *job)
{
    const uint32_t room = s->facts->context - (uint32_t)job->tokens.count;
    return job->request.max_tokens != 0 && job->request.max_tokens < room ? job->request.max_tokens : room;
}

static uint32_t cells_for(const struct scheduler *s, const struct job *job)
{
    return (uint32_t)job->tokens.count + reply_room(s, job) - 1; /* the last token needs no cell */
}

static void end_sequence(struct scheduler *s, struct sequence *seq)
{
    uint32_t at = 0;
    while (s->sequences[at] != seq)
        at++;
    memmove(&s->sequences[at], &s->sequences[at + 1], (s->count - at - 1) * sizeof(s->sequences[0]));
    s->count--;
    prefix_store_close(s->options.prefixes, &seq->job->use);
    model_seq_clear(s->options.model, seq->id);
    s->id_taken[seq->id] = false;
    s->cells_promised -= seq->cells;
    text_filter_deinit(&seq->text);
    model_tokens_deinit(&seq->reply);
    mem_free(seq);
}

static void fail_sequence(struct scheduler *s, struct sequence *seq, const struct error *error)
{
    struct job *job = seq->job;
    end_sequence(s, seq);
    add_failure(s, job, error);
}

static uint32_t free_id(struct scheduler *s)
{
    uint32_t id = 0;
    while (s->id_taken[id])
        id++;
    s->id_taken[id] = true;
    return id;
}

/* A running sequence that has all readable tokens of the job in its cells. */
static const struct sequence *find_donor(const struct scheduler *s, const struct job *job)
{
    const uint32_t count = job->use.readable;
    for (uint32_t i = 0; i < s->count && prefix_store_can_share(s->options.prefixes) && count > 0; i++) {
        const struct sequence *other = s->sequences[i];
        const struct job *owner = other->job;
        if (other->past >= count && owner->tokens.count >= count &&
            str_eq(owner->request.tenant, job->request.tenant) &&
            str_eq(owner->request.cache_salt, job->request.cache_salt) &&
            memcmp(owner->tokens.items, job->tokens.items, count * sizeof(model_token)) == 0)
            return other;
    }
    return NULL;
}

static void begin_prefix(struct scheduler *s, struct sequence *seq)
{
    struct prefix_use *use = &seq->job->use;
    prefix_store_begin(s->options.prefixes, use);
    const struct sequence *donor = find_donor(s, seq->job);
    if (donor != NULL) {
        prefix_store_share(s->options.prefixes, use, donor->id, seq->id);
        seq->past = use->readable;
    }
}

static void admit(struct scheduler *s, struct job *job)
{
    struct sequence *seq = mem_calloc(1, sizeof(*seq));
    if (seq == NULL) {
        struct error error;
        prefix_store_close(s->options.prefixes, &job->use);
        (void)error_no_memory(&error);
        add_failure(s, job, &error);
        return;
    }
    seq->job = job;
    seq->id = free_id(s);
    seq->output_max = reply_room(s, job);
    seq->cells = cells_for(s, job);
    seq->admitted_us = clock_now_us();
    text_filter_init(&seq->text, job->request.stops, job->request.stop_count);
    sampler_init(&seq->sampler, job->request.temperature, job->request.top_p, job->request.top_k, job->request.seed);
    begin_prefix(s, seq);
    s->cells_promised += seq->cells;
    s->sequences[s->count++] = seq;
}

static bool has_room(const struct scheduler *s, const struct job *job)
{
    if (s->options.is_deterministic)
        return s->count == 0;
    return s->count < s->facts->parallel && s->cells_promised + cells_for(s, job) <= s->facts->cells;
}

static void forget_queued(struct scheduler *s, const struct job *job)
{
    atomic_fetch_sub(&s->queued_tokens, job->tokens.count);
}

static void on_prefix(struct prefix_waiter *waiter, bool is_ready)
{
    struct job *job = (struct job *)(void *)((char *)waiter - offsetof(struct job, waiter));
    (void)is_ready;
    job->is_woken = true;
}

/* False: it waits for a prefix that another job computes, or the disk has. One
 * that waited for the disk comes back with its prefix open. */
static bool open_prefix(struct scheduler *s, struct job *job)
{
    bool is_pending = false;
    if (!job->is_fetching) {
        job->is_woken = false;
        job->waiter = (struct prefix_waiter){.wake = on_prefix};
        prefix_store_open(s->options.prefixes, &job->prefix, &job->waiter, &job->use, &is_pending);
    }
    job->is_fetching = !is_pending && !prefix_store_is_ready(s->options.prefixes, &job->use);
    if (is_pending || job->is_fetching)
        list_push(&s->parked, job);
    return !is_pending && !job->is_fetching;
}

static size_t tier_of(const struct job *job)
{
    return job->request.tier < SCHEDULER_TIERS ? job->request.tier : SCHEDULER_TIERS - 1;
}

/* Woken jobs go before those that came after them. */
static void take_woken(struct scheduler *s)
{
    struct job_list parked = s->parked, woken[SCHEDULER_TIERS];
    if (parked.first == NULL)
        return;
    list_clear(&s->parked);
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++)
        list_clear(&woken[tier]);
    for (struct job *job = parked.first, *next; job != NULL; job = next) {
        next = job->next;
        if (job->is_fetching ? prefix_store_is_ready(s->options.prefixes, &job->use) : job->is_woken)
            list_push_front(&woken[tier_of(job)], job);
        else
            list_push(&s->parked, job);
    }
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++)
        while (woken[tier].first != NULL)
            list_push_front(&s->waiting[tier], list_pop(&woken[tier]));
}

static void admit_waiting(struct scheduler *s)
{
    take_woken(s);
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++) {
        while (s->waiting[tier].first != NULL) {
            if (!has_room(s, s->waiting[tier].first))
                return; /* nobody overtakes: a large request would starve */
            struct job *job = list_pop(&s->waiting[tier]);
            if (!open_prefix(s, job))
                continue;
            forget_queued(s, job);
            if (s->options.is_deterministic)
                model_clear(s->options.model); /* the same cells for the same request */
            admit(s, job);
        }
    }
}

/* --- arrivals and cancels --------------------------------------------------------------------------- */

/* One that is not admitted: it may wait for another's prefix, or for the disk, or have been read from there. */
static void close_queued(struct scheduler *s, struct job *job)
{
    if (job->waiter.node != NULL)
        prefix_store_unwait(s->options.prefixes, &job->waiter);
    prefix_store_close(s->options.prefixes, &job->use);
}

static void drop_parked(struct scheduler *s)
{
    struct job_list parked = s->parked;
    list_clear(&s->parked);
    for (struct job *job = parked.first, *next; job != NULL; job = next) {
        next = job->next;
        if (!atomic_load(&job->is_cancelled)) {
            list_push(&s->parked, job);
            continue;
        }
        close_queued(s, job);
        forget_queued(s, job);
        add_event(s, EVENT_GONE, job);
    }
}

static void drop_cancelled(struct scheduler *s)
{
    drop_parked(s);
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++) {
        struct job_list kept;
        list_clear(&kept);
        while (s->waiting[tier].first != NULL) {
            struct job *job = list_pop(&s->waiting[tier]);
            if (!atomic_load(&job->is_cancelled)) {
                list_push(&kept, job);
                continue;
            }
            close_queued(s, job);
            forget_queued(s, job);
            add_event(s, EVENT_GONE, job);
        }
        list_clear(&s->waiting[tier]);
        while (kept.first != NULL)
            list_push(&s->waiting[tier], list_pop(&kept));
    }
    for (uint32_t i = s->count; i-- > 0;) {
        struct job *job = s->sequences[i]->job;
        if (!atomic_load(&job->is_cancelled))
            continue;
        end_sequence(s, s->sequences[i]);
        add_event(s, EVENT_GONE, job);
    }
}

/* Nothing to do before something arrives. Who is parked then waits for the disk. */
static bool is_idle(const struct scheduler *s)
{
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++)
        if (s->waiting[tier].first != NULL)
            return false;
    for (const struct job *job = s->parked.first; job != NULL; job = job->next)
        if (!job->is_fetching)
            return false;
    return s->count == 0;
}

/* Takes what arrived; sleeps while there is nothing to do. False: quit. */
static bool take_inbox(struct scheduler *s)
{
    const bool idle = is_idle(s);
    if (idle)
        broker_client_idle(s->options.broker);
    pthread_mutex_lock(&s->mutex);
    while (idle && s->inbox.first == NULL && !s->is_quitting && !s->has_progress && !s->has_cancel)
        pthread_cond_wait(&s->wake, &s->mutex);
    struct job_list arrived;
    list_clear(&arrived);
    while (s->inbox.first != NULL)
        list_push(&arrived, list_pop(&s->inbox));
    const bool has_cancel = s->has_cancel, is_quitting = s->is_quitting;
    s->has_cancel = s->has_progress = false;
    pthread_mutex_unlock(&s->mutex);
    while (arrived.first != NULL) {
        struct job *job = list_pop(&arrived);
        list_push(&s->waiting[tier_of(job)], job);
    }
    if (has_cancel)
        drop_cancelled(s);
    return !is_quitting;
}

/* --- composing a step ------------------------------------------------------------------------------- */

uint32_t scheduler_chunk(double budget_us, double decode_us, double token_us, uint32_t room)
{
    uint32_t chunk = CHUNK_FIRST;
    if (token_us > 0) {
        const double fits = (budget_us - decode_us) / token_us;
        chunk = fits < CHUNK_LEAST ? CHUNK_LEAST : fits > room ? room : (uint32_t)fits;
        if (chunk > CHUNK_FIRST)
            chunk -= chunk % 16; /* kernels work on rows of 16 */
    }
    return chunk < room ? chunk : room;
}

static double predict_decode_us(const struct scheduler *s, uint32_t count)
{
    if (count <= s->decode_count || s->decode_count == 0)
        return s->decode_us;
    return s->decode_us * count / s->decode_count;
}

static uint32_t plan_chunk(const struct scheduler *s, uint32_t replies)
{
    uint32_t room = s->facts->batch - replies;
    if (replies == 0)
        return scheduler_chunk(PROMPT_STEP_US, 0, s->token_us, room);
    room = room < s->options.chunk_max ? room : s->options.chunk_max;
    const double decode_us = predict_decode_us(s, replies);
    double budget_us = 2 * decode_us < REPLY_STEP_LEAST_US ? REPLY_STEP_LEAST_US : 2 * decode_us;
    budget_us = budget_us > REPLY_STEP_MOST_US ? REPLY_STEP_MOST_US : budget_us;
    return scheduler_chunk(budget_us, decode_us, s->token_us, room);
}

static void add_token(struct scheduler *s, struct sequence *seq, model_token token, bool wants_logits)
{
    if (wants_logits)
        seq->row = model_batch_count(s->options.model);
    seq->wants_logits = seq->wants_logits || wants_logits;
    model_batch_add(s->options.model, token, seq->past + seq->batched, seq->id, wants_logits);
    seq->batched++;
}

/* At most `chunk` tokens of the prompt; the number added. */
static uint32_t add_prompt(struct scheduler *s, struct sequence *seq, uint32_t chunk)
{
    const struct model_tokens *tokens = &seq->job->tokens;
    const uint32_t stop = prefix_store_stop(s->options.prefixes, &seq->job->use, seq->past);
    uint32_t count = (stop > 0 ? stop : (uint32_t)tokens->count) - seq->past;
    count = count < chunk ? count : chunk;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = seq->past + i;
        add_token(s, seq, tokens->items[at], at + 1 == tokens->count);
    }
    return count;
}

/* Puts stored prefixes back before anything of their prompts is read. */
static void restore_prefixes(struct scheduler *s)
{
    uint32_t room = RESTORE_STEP_TOKENS;
    for (uint32_t i = 0; i < s->count && room > 0; i++) {
        struct sequence *seq = s->sequences[i];
        const uint32_t past = seq->past;
        if (seq->phase != PHASE_PROMPT || past >= seq->job->use.readable)
            continue;
        seq->past = prefix_store_restore(s->options.prefixes, &seq->job->use, seq->id, past, room);
        room -= seq->past - past < room ? seq->past - past : room;
    }
}

/* Fills the batch; the numbers of replies and of prompt tokens in it. */
static void compose(struct scheduler *s, uint32_t *replies, uint32_t *prompt_tokens)
{
    *replies = 0;
    *prompt_tokens = 0;
    model_batch_clear(s->options.model);
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        seq->batched = 0;
        seq->wants_logits = false;
        if (seq->phase == PHASE_REPLY) {
            add_token(s, seq, seq->token, true);
            (*replies)++;
        }
    }
    uint32_t chunk = plan_chunk(s, *replies);
    for (uint32_t i = 0; i < s->count && chunk > 0; i++) {
        struct sequence *seq = s->sequences[i];
        if (seq->phase != PHASE_PROMPT || seq->past < seq->job->use.readable)
            continue;
        if (s->options.is_deterministic)
            chunk = SCHEDULER_BLOCK - seq->past % SCHEDULER_BLOCK;
        const uint32_t added = add_prompt(s, seq, chunk);
        *prompt_tokens += added;
        chunk -= added;
    }
}

/* --- after a step ----------------------------------------------------------------------------------- */

static void learn_costs(struct scheduler *s, uint32_t replies, uint32_t prompt_tokens, double us)
{
    if (prompt_tokens == 0) {
        const bool same = s->decode_count == replies;
        s->decode_us = same ? s->decode_us * (1 - COST_WEIGHT) + us * COST_WEIGHT : us;
        s->decode_count = replies;
        return;
    }
    if (prompt_tokens < CHUNK_LEAST / 2)
        return; /* too few to tell their cost from the step's own */
    const double left = us - (replies > 0 ? predict_decode_us(s, replies) : 0);
    const double each = left / prompt_tokens;
    if (each > 0)
        s->token_us = s->token_us > 0 ? s->token_us * (1 - COST_WEIGHT) + each * COST_WEIGHT : each;
}

static void flush_text(struct scheduler *s, struct sequence *seq, bool is_last)
{
    struct buf text;
    buf_init(&text, 4u << 20);
    if (text_filter_take(&seq->text, is_last, &text) && text.len > 0) {
        struct event *event = add_event(s, EVENT_TEXT, seq->job);
        event->text = text;
        event->text_tokens = seq->silent_tokens;
        seq->silent_tokens = 0;
        return;
    }
    buf_deinit(&text);
}

/* Prompt and reply together, for the conversation's next turn. */
static void keep_reply(struct scheduler *s, struct sequence *seq)
{
    const struct model_tokens *prompt = &seq->job->tokens;
    const uint32_t count = seq->past;
    if (seq->job->request.cache != ENGINE_CACHE_IMPLICIT || seq->job->use.path == NULL ||
        count / PREFIX_STORE_BLOCK == prompt->count / PREFIX_STORE_BLOCK || count > prompt->count + seq->reply.count)
        return;
    model_token *tokens = mem_alloc(count * sizeof(*tokens));
    if (tokens == NULL)
        return;
    memcpy(tokens, prompt->items, prompt->count * sizeof(*tokens));
    memcpy(tokens + prompt->count, seq->reply.items, (count - prompt->count) * sizeof(*tokens));
    prefix_store_keep(s->options.prefixes, &seq->job->use, seq->id, tokens, count);
    mem_free(tokens);
}

static void finish(struct scheduler *s, struct sequence *seq, enum engine_stop stop)
{
    flush_text(s, seq, true);
    keep_reply(s, seq);
    const uint64_t now_us = clock_now_us();
    struct job *job = seq->job;
    struct event *event = add_event(s, EVENT_FINISHED, job);
    event->finished = (struct engine_finished){
        .stop = stop,
        .stop_index = seq->text.stop_index,
        .prompt_tokens = (uint32_t)job->tokens.count,
        .prefilled_tokens = (uint32_t)job->tokens.count - job->use.figures.read_tokens,
        .cache = job->use.figures,
        .output_tokens = seq->output,
        .queue_us = seq->admitted_us - job->queued_us,
        .prefill_us = seq->first_us - seq->admitted_us,
        .decode_us = now_us - seq->first_us,
    };
    end_sequence(s, seq);
}

static bool is_masked(const float *logits, uint32_t count)
{
    return isinf(logits[sampler_greedy(logits, count)]);
}

static bool is_blank(const struct scheduler *s, model_token token)
{
    char piece[MODEL_PIECE_MAX];
    return str_trim((struct str){piece, model_piece(s->options.model, token, piece)}).len == 0;
}

/* A grammar lets a model that never closes a string go on until its tokens are
 * used up, and what it wrote is then no JSON. So near the end of the allowance
 * the shortest way out is taken: end of reply; in a string its end; else } ] ";
 * else what the model likes best, but white space. */
static bool must_close(const struct sequence *seq)
{
    uint32_t reserve = seq->output_max / 4;
    reserve = reserve < 48 ? 48 : reserve > 160 ? 160 : reserve;
    return seq->output + reserve >= seq->output_max;
}

static model_token pick_closing(const struct scheduler *s, const struct sequence *seq, const float *logits)
{
    for (uint32_t token = 0; token < s->facts->vocabulary; token++)
        if (!isinf(logits[token]) && model_is_end(s->options.model, (model_token)token))
            return (model_token)token;
    for (size_t i = 0; i < 3; i++) {
        const model_token closer = s->closers[(i + !seq->in_string) % 3];
        if (closer >= 0 && !isinf(logits[closer]))
            return closer;
    }
    model_token best = sampler_greedy(logits, s->facts->vocabulary);
    if (!is_blank(s, best))
        return best;
    for (uint32_t token = 0; token < s->facts->vocabulary; token++)
        if (!isinf(logits[token]) && (is_blank(s, best) || logits[token] > logits[best]) &&
            !is_blank(s, (model_token)token))
            best = (model_token)token;
    return best;
}

/* The common case first: the model's own choice is allowed, and only one token was tried. */
static enum error_code pick_by_grammar(struct scheduler *s, struct sequence *seq, float *logits, model_token *token,
                                       bool *is_over, struct error *error)
{
    const uint32_t count = s->facts->vocabulary;
    const bool closing = must_close(seq);
    bool allowed = false;
    enum error_code code = closing ? OK : model_grammar_allows(seq->job->grammar, *token, &allowed, error);
    if (code == OK && !allowed) {
        code = model_grammar_mask(seq->job->grammar, logits, error);
        *is_over = code == OK && is_masked(logits, count);
        if (code != OK || *is_over)
            return code;
        *token = closing ? pick_closing(s, seq, logits) : sampler_pick(&seq->sampler, logits, count, s->scratch);
    }
    return code == OK ? model_grammar_accept(seq->job->grammar, *token, error) : code;
}

static void follow_json(struct sequence *seq, struct str piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        const bool escaped = seq->is_escaped;
        seq->is_escaped = seq->in_string && !escaped && piece.data[i] == '\\';
        if (piece.data[i] == '"' && !escaped)
            seq->in_string = !seq->in_string;
    }
}

/* Without memory the reply is not kept, no more. */
static void remember_token(struct sequence *seq, model_token token)
{
    void *items = seq->reply.items;
    if (seq->job->request.cache != ENGINE_CACHE_IMPLICIT ||
        !mem_grow(&items, seq->reply.count, &seq->reply.cap, sizeof(token)))
        return;
    seq->reply.items = items;
    seq->reply.items[seq->reply.count++] = token;
}

/* Adds the token's text; true: the reply goes on. */
static bool take_token(struct scheduler *s, struct sequence *seq, model_token token, struct error *error)
{
    char piece[MODEL_PIECE_MAX];
    const size_t len = model_piece(s->options.model, token, piece);
    seq->output++;
    seq->silent_tokens++;
    remember_token(seq, token);
    if (seq->job->grammar != NULL)
        follow_json(seq, (struct str){piece, len});
    atomic_fetch_add_explicit(&s->options.broker->slot->generated_tokens, 1, memory_order_relaxed);
    if (!text_filter_push(&seq->text, (struct str){piece, len})) {
        fail_sequence(s, seq, (error_no_memory(error), error));
        return false;
    }
    if (seq->text.is_stopped)
        finish(s, seq, ENGINE_STOP_SEQUENCE);
    else if (seq->output >= seq->output_max)
        finish(s, seq, seq->output == seq->job->request.max_tokens ? ENGINE_STOP_LENGTH : ENGINE_STOP_CONTEXT);
    else
        return true;
    return false;
}

static void start_reply(struct scheduler *s, struct sequence *seq)
{
    seq->phase = PHASE_REPLY;
    seq->first_us = clock_now_us();
    add_event(s, EVENT_STARTED, seq->job)->started = (struct engine_started){
        .prompt_tokens = (uint32_t)seq->job->tokens.count,
        .cache = seq->job->use.figures,
    };
}

/* Chooses the next token of a sequence whose logits have come. May end it. */
static void advance(struct scheduler *s, struct sequence *seq)
{
    struct error error;
    float *logits = model_logits(s->options.model, seq->row);
    if (seq->phase == PHASE_PROMPT)
        start_reply(s, seq);
    model_token token = sampler_pick(&seq->sampler, logits, s->facts->vocabulary, s->scratch);
    bool is_over = false;
    if (seq->job->grammar != NULL && pick_by_grammar(s, seq, logits, &token, &is_over, &error) != OK) {
        fail_sequence(s, seq, &error);
        return;
    }
    if (is_over || model_is_end(s->options.model, token)) {
        finish(s, seq, ENGINE_STOP_END);
        return;
    }
    if (!take_token(s, seq, token, &error))
        return;
    flush_text(s, seq, false);
    seq->token = token;
}

static void after_step(struct scheduler *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        seq->past += seq->batched;
        if (seq->phase == PHASE_PROMPT && seq->batched > 0)
            prefix_store_save(s->options.prefixes, &seq->job->use, seq->id, seq->past);
    }
    for (uint32_t i = s->count; i-- > 0;) /* backwards: advance may take the sequence out */
        if (s->sequences[i]->wants_logits)
            advance(s, s->sequences[i]);
}

/* Cells are promised before, so only a kind of state with rules of its own can
 * run out; the youngest in the batch gives way. A broken decode ends all in it. */
static void after_failed_step(struct scheduler *s, enum model_result result)
{
    struct error error;
    (void)error_set(&error, ERROR_MODEL, result == MODEL_NO_CELLS ? "the engine ran out of KV cells"
                                                                  : "the engine failed to compute this request");
    for (uint32_t i = s->count; i-- > 0;) {
        if (s->sequences[i]->batched == 0)
            continue;
        fail_sequence(s, s->sequences[i], &error);
        if (result == MODEL_NO_CELLS)
            return;
    }
}

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

static void step(struct scheduler *s)
{
    uint32_t replies, prompt_tokens;
    struct broker_client *broker = s->options.broker;
    restore_prefixes(s);
    compose(s, &replies, &prompt_tokens);
    if (model_batch_count(s->options.model) == 0)
        return; /* all are being restored */
    const uint64_t began_us = clock_now_us();
    model_set_threads(s->options.model, broker_client_begin(broker, began_us));
    const enum model_result result = model_decode(s->options.model);
    const uint64_t ended_us = clock_now_us();
    broker_client_end(broker, ended_us);
    atomic_fetch_add_explicit(&broker->slot->steps, 1, memory_order_relaxed);
    if (result != MODEL_OK) {
        after_failed_step(s, result);
        return;
    }
    atomic_fetch_add_explicit(&broker->slot->prefilled_tokens, prompt_tokens, memory_order_relaxed);
    learn_costs(s, replies, prompt_tokens, (double)(ended_us - began_us));
    after_step(s);
    publish_cache(s); /* with what the step stored: there may be no next one for long */
}

void scheduler_run(struct scheduler *s)
{
    publish_cache(s); /* an earlier process may have left something on disk */
    while (take_inbox(s)) {
        admit_waiting(s);
        post_events(s);
        if (s->count == 0)
            continue;
        step(s);
        post_events(s);
    }
}

/* --- life ------------------------------------------------------------------------------------------- */

static void find_closers(struct scheduler *s)
{
    static const char texts[] = {'"', '}', ']'};
    char piece[MODEL_PIECE_MAX];
    for (size_t i = 0; i < 3; i++)
        s->closers[i] = -1;
    for (uint32_t token = 0; token < s->facts->vocabulary; token++) {
        if (model_piece(s->options.model, (model_token)token, piece) != 1)
            continue;
        for (size_t i = 0; i < 3; i++)
            if (piece[0] == texts[i])
                s->closers[i] = (model_token)token;
    }
}

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
    list_clear(&s->inbox);
    list_clear(&s->parked);
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++)
        list_clear(&s->waiting[tier]);
    s->events_end = &s->events;
    find_closers(s);
    return s;
}

void scheduler_free(struct scheduler *s)
{
    if (s == NULL)
        return;
    while (s->count > 0)
        end_sequence(s, s->sequences[s->count - 1]);
    for (struct job *job = s->parked.first; job != NULL; job = job->next)
        close_queued(s, job);
    for (size_t tier = 0; tier < SCHEDULER_TIERS; tier++)
        for (struct job *job = s->waiting[tier].first; job != NULL; job = job->next)
            close_queued(s, job);
    pthread_mutex_destroy(&s->mutex);
    pthread_cond_destroy(&s->wake);
    mem_free(s->scratch);
    mem_free(s);
}

void scheduler_submit(struct scheduler *s, struct job *job)
{
    atomic_fetch_add(&s->queued_tokens, job->tokens.count);
    pthread_mutex_lock(&s->mutex);
    list_push(&s->inbox, job);
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

uint64_t scheduler_queued_tokens(const struct scheduler *s)
{
    return atomic_load(&s->queued_tokens);
}
