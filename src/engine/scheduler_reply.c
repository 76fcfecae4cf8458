/* scheduler_reply.c - the next token of each reply. See scheduler.h. */
#include "engine/scheduler_internal.h"

#include <math.h>

#include "core/must.h"
#include "core/util.h"

static void flush_text(struct scheduler *s, struct sequence *seq, bool is_last)
{
    struct buf text, logprobs;
    uint32_t count = 0;
    buf_init(&text, 4u << 20);
    buf_init(&logprobs, PROTOCOL_PAYLOAD_MAX);
    if (seq->job->request.wants_logprobs)
        count = logprobs_tell(s, seq, text_filter_ready(&seq->text, is_last), &logprobs);
    if (text_filter_take(&seq->text, is_last, &text) && text.len > 0) {
        struct event *event = add_event(s, EVENT_TEXT, seq->job);
        event->text = text;
        event->text_tokens = seq->silent_tokens;
        event->certainty = seq->certainty;
        event->logprobs = logprobs;
        event->logprob_count = count;
        seq->silent_tokens = 0;
        return;
    }
    buf_deinit(&text);
    buf_deinit(&logprobs);
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

/* What is undecided at the end is text. */
static enum engine_stop settle_text(struct sequence *seq, enum engine_stop stop)
{
    text_filter_decide(&seq->text, seq->text.undecided, true);
    return seq->text.is_stopped ? ENGINE_STOP_SEQUENCE : stop;
}

static void finish(struct scheduler *s, struct sequence *seq, enum engine_stop stop)
{
    stop = settle_text(seq, stop);
    flush_text(s, seq, true);
    keep_reply(s, seq);
    const uint64_t now_us = clock_now_us();
    struct job *job = seq->job;
    must(job->use.figures.read_tokens <= job->tokens.count && seq->first_us >= seq->admitted_us,
         "a finished reply read no more than its prompt, and began after it was admitted",
         LOG_I("read", job->use.figures.read_tokens), LOG_I("tokens", job->tokens.count));
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
        .certainty = seq->certainty,
    };
    sequence_end(s, seq);
}

/* The common case first: the model's own choice is allowed, and only one token was tried. -1: the reply is over. */
static enum error_code pick_by_grammar(struct scheduler *s, struct sequence *seq, float *logits, model_token *token,
                                       struct error *error)
{
    struct grammar *grammar = seq->job->grammar;
    const uint32_t count = s->facts->vocabulary;
    bool allowed = false;
    enum error_code code = grammar_allows(grammar, *token, &allowed, error);
    if (code == OK && !allowed) {
        code = grammar_mask(grammar, logits, error);
        if (code == OK && isinf(logits[sampler_greedy(logits, count)])) {
            *token = -1;
            return grammar_may_end(grammar) ? OK
                                            : error_set(error, ERROR_INVALID, "this model has no token for what its "
                                                                              "output must go on with");
        }
        *token = sampler_pick(&seq->sampler, logits, count, s->scratch);
    }
    return code == OK ? grammar_close(grammar, seq->output_max - seq->output, token, error) : code;
}

static void on_decided(void *ctx, size_t len, bool is_text)
{
    text_filter_decide(ctx, len, is_text);
}

/* Text that the reply sees of a token; the filter knows it afterwards. */
static enum error_code add_text(struct scheduler *s, struct sequence *seq, model_token token, struct error *error)
{
    struct grammar *grammar = seq->job->grammar;
    char piece[MODEL_PIECE_MAX];
    if (grammar == NULL) {
        const size_t len = model_piece(s->options.model, token, piece);
        logprobs_add_text(seq, len);
        return text_filter_push(&seq->text, (struct str){piece, len}) ? OK : error_no_memory(error);
    }
    const struct grammar_listener listener = {&seq->text, on_decided};
    const struct str text = grammar_piece(grammar, token);
    logprobs_add_text(seq, text.len);
    if (!text_filter_add(&seq->text, text))
        return error_no_memory(error);
    return grammar_accept(grammar, token, &listener, error);
}

/* For the store, and for the case that its state is lost while it is preempted. */
static bool remember_token(struct sequence *seq, model_token token)
{
    void *items = seq->reply.items;
    if (!mem_grow(&items, seq->reply.count, &seq->reply.cap, sizeof(token)))
        return false;
    seq->reply.items = items;
    seq->reply.items[seq->reply.count++] = token;
    return true;
}

/* Adds the token's text; true: the reply goes on. */
static bool take_token(struct scheduler *s, struct sequence *seq, model_token token, struct error *error)
{
    must(seq->output < seq->output_max, "a reply ends at its length", LOG_I("output", seq->output),
         LOG_I("most", seq->output_max));
    seq->output++;
    seq->silent_tokens++;
    fair_flow_charge(seq->job->item.flow, 1);
    atomic_fetch_add_explicit(&s->options.broker->slot->generated_tokens, 1, memory_order_relaxed);
    if (!remember_token(seq, token)) {
        sequence_fail(s, seq, (error_no_memory(error), error));
        return false;
    }
    if (add_text(s, seq, token, error) != OK) {
        sequence_fail(s, seq, error);
        return false;
    }
    if (seq->text.is_stopped)
        finish(s, seq, ENGINE_STOP_SEQUENCE);
    else if (seq->job->grammar != NULL && grammar_is_complete(seq->job->grammar))
        finish(s, seq, ENGINE_STOP_END);
    else if (seq->output >= seq->output_max)
        finish(s, seq, seq->output == seq->job->request.max_tokens ? ENGINE_STOP_LENGTH : ENGINE_STOP_CONTEXT);
    else
        return true;
    return false;
}

static void start_reply(struct scheduler *s, struct sequence *seq)
{
    must(seq->past == seq->job->tokens.count && seq->output == 0, "a reply begins behind its prompt",
         LOG_I("past", seq->past), LOG_I("tokens", seq->job->tokens.count), LOG_I("output", seq->output));
    seq->phase = PHASE_REPLY;
    seq->lent_tier = seq->job->tier;
    seq->first_us = clock_now_us();
    add_event(s, EVENT_STARTED, seq->job)->started = (struct engine_started){
        .prompt_tokens = (uint32_t)seq->job->tokens.count,
        .cache = seq->job->use.figures,
    };
}

#define SHARE_LEAST (-20.0F) /* what is so far below the largest logit adds less than rounding does */

/* The logarithm of the sum of all tokens' exponentials. */
static float log_mass(const float *logits, uint32_t count)
{
    const float top = logits[sampler_greedy(logits, count)];
    double mass = 0;
    for (uint32_t i = 0; i < count; i++)
        if (logits[i] - top > SHARE_LEAST)
            mass += (double)expf(logits[i] - top);
    return top + (float)log(mass);
}

/* `mass` is that of the logits before a grammar masked some: not that of the token which it let pass. */
static void count_certainty(struct sequence *seq, const float *logits, model_token token, float mass)
{
    struct engine_certainty *certainty = &seq->certainty;
    const float own = fminf(0, fmaxf(logits[token] - mass, ENGINE_CERTAINTY_LEAST));
    certainty->tokens++;
    certainty->sum += own;
}

/* Chooses the next token of a sequence whose logits have come. May end it. */
static void advance(struct scheduler *s, struct sequence *seq)
{
    struct error error;
    float *logits = model_logits(s->options.model, seq->row);
    if (seq->phase == PHASE_PROMPT)
        start_reply(s, seq);
    const struct engine_request *request = &seq->job->request;
    const bool is_asked = request->wants_certainty || request->wants_logprobs;
    const float mass = is_asked ? log_mass(logits, s->facts->vocabulary) : 0;
    if (request->wants_logprobs && !logprobs_begin(s, seq, logits, mass)) {
        sequence_fail(s, seq, (error_no_memory(&error), &error));
        return;
    }
    model_token token = sampler_pick(&seq->sampler, logits, s->facts->vocabulary, s->scratch);
    if (seq->job->grammar != NULL && pick_by_grammar(s, seq, logits, &token, &error) != OK) {
        sequence_fail(s, seq, &error);
        return;
    }
    if (request->wants_certainty && token >= 0)
        count_certainty(seq, logits, token, mass);
    if (token < 0 || model_is_end(s->options.model, token)) {
        finish(s, seq, ENGINE_STOP_END);
        return;
    }
    if (request->wants_logprobs)
        logprobs_choose(seq, token, logits[token], mass);
    if (!take_token(s, seq, token, &error))
        return;
    flush_text(s, seq, false);
    seq->token = token;
}

void reply_advance(struct scheduler *s, const struct step_shape *pass)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        if (!step_has(seq, pass))
            continue;
        seq->past += seq->batched;
        seq->batched = 0;
        if (seq->past >= seq->redo)
            seq->redo = 0;
        if (seq->phase == PHASE_PROMPT)
            prefix_store_save(s->options.prefixes, &seq->job->use, seq->id, seq->past);
    }
    for (uint32_t i = s->count; i-- > 0;) { /* backwards: advance may take the sequence out */
        struct sequence *seq = s->sequences[i];
        if (!seq->wants_logits)
            continue;
        seq->wants_logits = false;
        advance(s, seq);
        broker_client_progress(s->options.broker, clock_now_us());
    }
}
