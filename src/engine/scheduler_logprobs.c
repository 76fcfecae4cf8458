/* scheduler_logprobs.c - how likely the tokens of a reply were, from when each is chosen until the text that it begins
 * in goes out. What a stop sequence cuts off never does. See scheduler_internal.h. */
#include "engine/scheduler_internal.h"

#include <math.h>

#include "core/must.h"

static float value_of(float logit, float mass)
{
    const float value = logit - mass;
    return value > LOGPROB_LEAST ? fminf(0, value) : LOGPROB_LEAST; /* that of what is no number too */
}

bool logprobs_begin(struct scheduler *s, struct sequence *seq, const float *logits, float mass)
{
    struct token_log *log = &seq->log;
    void *items = log->items;
    if (!mem_grow(&items, log->count, &log->cap, sizeof(*log->items)))
        return false;
    log->items = items;
    struct token_entry *entry = &log->items[log->count];
    entry->top_count =
        sampler_top(logits, s->facts->vocabulary, seq->job->request.top_logprobs, entry->top);
    for (uint32_t i = 0; i < entry->top_count; i++)
        entry->top[i].logit = value_of(entry->top[i].logit, mass);
    return true;
}

void logprobs_choose(struct sequence *seq, model_token token, float logit, float mass)
{
    struct token_log *log = &seq->log;
    must(log->count < log->cap, "a token is chosen after its place was begun", LOG_I("count", log->count));
    struct token_entry *entry = &log->items[log->count++];
    entry->at = log->bytes;
    entry->token = token;
    entry->value = value_of(logit, mass);
}

void logprobs_add_text(struct sequence *seq, size_t len)
{
    seq->log.bytes += len;
}

/* Of a special token the text that stands for it in templates. */
static struct str name_of(const struct scheduler *s, model_token token, char out[MODEL_PIECE_MAX])
{
    const size_t len = model_piece(s->options.model, token, out);
    return (struct str){out, len > 0 ? len : model_marker(s->options.model, token, out)};
}

static void put_entry(struct scheduler *s, const struct sequence *seq, const struct token_entry *entry, size_t at,
                      struct buf *out)
{
    char piece[MODEL_PIECE_MAX], pieces[LOGPROB_TOP_MAX][MODEL_PIECE_MAX];
    struct logprob top[LOGPROB_TOP_MAX];
    struct grammar *grammar = seq->job->grammar;
    for (uint32_t i = 0; i < entry->top_count; i++)
        top[i] = (struct logprob){name_of(s, entry->top[i].token, pieces[i]), entry->top[i].logit};
    const struct token_logprob token = {
        .chosen = {.bytes = grammar != NULL ? grammar_piece(grammar, entry->token) : name_of(s, entry->token, piece),
                   .value = entry->value},
        .top = top,
        .top_count = entry->top_count,
        .at = at,
    };
    protocol_put_logprob(out, &token);
}

uint32_t logprobs_tell(struct scheduler *s, struct sequence *seq, size_t ready, struct buf *out)
{
    struct token_log *log = &seq->log;
    struct text_cursor cursor = {0};
    size_t told = 0;
    for (; told < log->count && log->items[told].at < log->shown + ready; told++) {
        text_filter_follow(&seq->text, &cursor, log->items[told].at - log->shown);
        put_entry(s, seq, &log->items[told], cursor.shown, out);
    }
    log->shown += ready;
    log->count -= told;
    memmove(log->items, log->items + told, log->count * sizeof(*log->items));
    return (uint32_t)told;
}
