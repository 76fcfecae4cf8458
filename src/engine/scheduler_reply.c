/* scheduler_reply.c - the next token of each reply. See scheduler.h. */
#include "engine/scheduler_internal.h"

#include <math.h>

#include "core/util.h"

void reply_find_closers(struct scheduler *s)
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
    sequence_end(s, seq);
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
    char piece[MODEL_PIECE_MAX];
    const size_t len = model_piece(s->options.model, token, piece);
    seq->output++;
    seq->silent_tokens++;
    fair_flow_charge(seq->job->item.flow, 1);
    if (seq->job->grammar != NULL)
        follow_json(seq, (struct str){piece, len});
    atomic_fetch_add_explicit(&s->options.broker->slot->generated_tokens, 1, memory_order_relaxed);
    if (!remember_token(seq, token) || !text_filter_push(&seq->text, (struct str){piece, len})) {
        sequence_fail(s, seq, (error_no_memory(error), error));
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
    seq->lent_tier = seq->job->tier;
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
        sequence_fail(s, seq, &error);
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
