/* scheduler_step.c - what goes into the next step. See scheduler.h. */
#include "engine/scheduler_internal.h"

#include "core/must.h"
#include "core/util.h"

/* A step while replies run may take twice as long as their tokens alone, but
 * between these two: less would starve prompts behind many replies, and a
 * token must arrive within 250 ms even when the prediction is too low. Without
 * replies a step still ends soon, because cancels and arrivals wait for it. */
#define REPLY_STEP_LEAST_US 90000.0
#define REPLY_STEP_MOST_US 170000.0
#define PROMPT_STEP_US 200000.0
/* While prompts are read in a step, lower tiers may lengthen it by a third, those of priority by an eighth. */
#define BESIDE_PROMPT (4.0 / 3.0)
#define BESIDE_PRIORITY_PROMPT (9.0 / 8.0)
/* A step of batch may take half as long again as one of its replies alone, if that is more than its limit. */
#define BATCH_ONE_MORE 1.5
#define RESTORE_STEP_TOKENS 8192u /* of stored prefixes put back in one step: about 20 ms */
#define RESTORE_BATCH_TOKENS 256u  /* of batch: whoever arrives waits for it, too */
#define BATCH_LEAVES 4u            /* one of so many sequences stays free of batch, so that few arrivals preempt */
#define CHUNK_LEAST 8u
#define PROBE_STEPS 32u /* one of so many is kept small, see step_compose */
#define CHUNK_LOW_LEAST 4u /* of lower tiers and batch: fewer are not worth the step's own cost */
#define CHUNK_ROWS 16u     /* kernels work on rows of 16 */

/* --- limits ----------------------------------------------------------------------------------------- */

uint8_t step_top_tier(const struct scheduler *s)
{
    uint8_t top = TIER_BATCH;
    for (uint32_t i = 0; i < s->count; i++)
        if (sequence_tier(s->sequences[i]) < top)
            top = sequence_tier(s->sequences[i]);
    return top;
}

/* Of those that are answered now, the longest context. */
static double predict_one_us(const struct scheduler *s, uint8_t below_tier)
{
    uint32_t past = 0;
    struct step_shape one = {0};
    for (uint32_t i = 0; i < s->count; i++)
        if (sequence_tier(s->sequences[i]) < below_tier && s->sequences[i]->past > past)
            past = s->sequences[i]->past;
    step_shape_add_reply(&one, past);
    return step_cost_predict(&s->cost, &one);
}

double step_batch_limit_us(const struct scheduler *s)
{
    const double limit_us = (double)s->options.tiers.batch_step_us;
    const double least_us = BATCH_ONE_MORE * predict_one_us(s, TIERS);
    return limit_us > least_us ? limit_us : least_us;
}

bool step_batch_has_room(const struct scheduler *s)
{
    struct step_shape shape = {0};
    if (!s->options.tiers.is_objective && step_top_tier(s) != TIER_BATCH)
        return false;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sequences[i]->job->tier == TIER_BATCH)
            step_shape_add_reply(&shape, s->sequences[i]->past);
    if (shape.replies >= s->facts->parallel - s->facts->parallel / BATCH_LEAVES)
        return false;
    if (shape.replies == 0 || s->options.tiers.batch_step_us == 0)
        return true;
    step_shape_add_reply(&shape, (uint32_t)(shape.replies_attended / shape.replies));
    return step_cost_predict(&s->cost, &shape) <= step_batch_limit_us(s);
}

/* The time that a step may take when tier `tier` is added to what higher ones put into it. */
static double shared_limit_us(const struct scheduler *s, uint8_t tier)
{
    const double own_us = step_cost_predict(&s->cost, &s->shape);
    if (s->shape.prompt > 0)
        return own_us * (step_top_tier(s) == TIER_PRIORITY ? BESIDE_PRIORITY_PROMPT : BESIDE_PROMPT);
    return s->options.tiers.objective * (tier == TIER_BATCH ? predict_one_us(s, TIER_BATCH) : own_us);
}

/* --- adding ----------------------------------------------------------------------------------------- */

static void note_step(struct sequence *seq, uint64_t now_us)
{
    seq->stepped_us = seq->job->progress_us = now_us;
}

static void add_reply(struct scheduler *s, struct sequence *seq, uint64_t now_us)
{
    seq->batched = 1;
    step_shape_add_reply(&s->shape, seq->past);
    note_step(seq, now_us);
}

/* At most `chunk` tokens of the prompt, or of what was computed before; the number added. */
static uint32_t add_prompt(struct scheduler *s, struct sequence *seq, uint32_t chunk, uint64_t now_us)
{
    const bool is_redo = seq->past < seq->redo;
    const uint32_t stop = is_redo ? seq->redo : prefix_store_stop(s->options.prefixes, &seq->job->use, seq->past);
    const uint32_t end = stop > 0 ? stop : (uint32_t)seq->job->tokens.count;
    must(end > seq->past && chunk > 0, "a prompt that is read has something left", LOG_I("past", seq->past),
         LOG_I("end", end), LOG_I("redo", seq->redo), LOG_I("chunk", chunk));
    const uint32_t left = end - seq->past;
    seq->batched = left < chunk ? left : chunk;
    s->redone += is_redo ? seq->batched : 0;
    step_shape_add_prompt(&s->shape, seq->past, seq->batched);
    note_step(seq, now_us);
    return seq->batched;
}

static uint32_t rows_left(const struct scheduler *s)
{
    must(s->shape.replies + s->shape.prompt <= s->facts->batch, "a step fits into the model's batch",
         LOG_I("replies", s->shape.replies), LOG_I("prompt", s->shape.prompt), LOG_I("batch", s->facts->batch));
    return s->facts->batch - s->shape.replies - s->shape.prompt;
}

/* --- restoring -------------------------------------------------------------------------------------- */

/* Puts stored prefixes back before anything of their prompts is read. Those of batch wait while others run. */
void step_restore(struct scheduler *s)
{
    const uint8_t top = step_top_tier(s);
    uint32_t room = top == TIER_BATCH ? RESTORE_BATCH_TOKENS : RESTORE_STEP_TOKENS;
    for (uint32_t i = 0; i < s->count && room > 0; i++) {
        struct sequence *seq = s->sequences[i];
        const uint32_t past = seq->past;
        if (!sequence_is_restoring(seq) || (sequence_tier(seq) == TIER_BATCH && top != TIER_BATCH &&
                                            !s->options.tiers.is_objective))
            continue;
        seq->past = prefix_store_restore(s->options.prefixes, &seq->job->use, seq->id, past, room);
        const uint32_t restored = seq->past > past ? seq->past - past : 0; /* less is left where a block was damaged */
        room -= restored < room ? restored : room;
    }
}

/* --- one tier's part of a step ---------------------------------------------------------------------- */

/* Of this tier, who is to be answered and longest without a place in a step. */
static struct sequence *next_reply(const struct scheduler *s, uint8_t tier)
{
    struct sequence *next = NULL;
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        if (sequence_tier(seq) == tier && !sequence_is_reading(seq) && seq->batched == 0 &&
            (next == NULL || seq->stepped_us < next->stepped_us))
            next = seq;
    }
    return next;
}

/* Replies while the step stays within limit_us. With `has_first` one at least. */
static void add_replies(struct scheduler *s, uint8_t tier, double limit_us, bool has_first, uint64_t now_us)
{
    struct sequence *seq;
    while ((seq = next_reply(s, tier)) != NULL && rows_left(s) > 0) {
        struct step_shape tried = s->shape;
        step_shape_add_reply(&tried, seq->past);
        if (!has_first && step_cost_predict(&s->cost, &tried) > limit_us)
            return;
        has_first = false;
        add_reply(s, seq, now_us);
    }
}

static void add_all_replies(struct scheduler *s, uint8_t tier, uint64_t now_us)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (sequence_tier(s->sequences[i]) == tier && !sequence_is_reading(s->sequences[i]))
            add_reply(s, s->sequences[i], now_us);
}

/* A tile that is nearly full takes longer than a full one: vector kernels compute it. */
static uint32_t fill_tile(const struct scheduler *s, uint32_t chunk, uint32_t most)
{
    const uint32_t tile = s->cost.tile, rows = s->shape.prompt + chunk;
    return rows < tile && rows >= tile / 8 * 5 && chunk + tile - rows <= most ? chunk + tile - rows : chunk;
}

/* How many tokens of a prompt still fit. */
static uint32_t plan_chunk(const struct scheduler *s, const struct sequence *seq, double limit_us, uint32_t least,
                           uint32_t most)
{
    const uint32_t room = rows_left(s);
    uint32_t chunk;
    if (s->options.is_serial)
        return PREFIX_STORE_PIECE - seq->past % PREFIX_STORE_PIECE;
    most = most < room ? most : room;
    chunk = step_cost_fit(&s->cost, &s->shape, seq->past, limit_us, most);
    if (chunk >= 2 * CHUNK_ROWS)
        chunk -= chunk % CHUNK_ROWS;
    if (sequence_tier(seq) != TIER_BATCH) /* its step has a limit for the sake of others */
        chunk = fill_tile(s, chunk, most);
    if (chunk < least)
        chunk = least < most ? least : most;
    return chunk;
}

/* Pieces of prompts, in order of admission; the first gets `least` tokens even where the limit has no room. */
static void add_prompts(struct scheduler *s, uint8_t tier, double limit_us, uint32_t least, uint32_t most,
                        uint64_t now_us)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        if (sequence_tier(seq) != tier || !sequence_is_reading(seq) || sequence_is_restoring(seq))
            continue;
        const uint32_t chunk = plan_chunk(s, seq, limit_us, least, most);
        const uint32_t left = (seq->past < seq->redo ? seq->redo : (uint32_t)seq->job->tokens.count) - seq->past;
        if (chunk == 0 || (chunk < CHUNK_LOW_LEAST && chunk < left && least == 0))
            return;
        most -= add_prompt(s, seq, chunk, now_us);
        least = 0;
        if (most == 0)
            return;
    }
}

static void add_top(struct scheduler *s, uint8_t tier, uint64_t now_us)
{
    add_all_replies(s, tier, now_us);
    if (s->shape.replies == 0) {
        add_prompts(s, tier, PROMPT_STEP_US, CHUNK_LEAST, UINT32_MAX, now_us);
        return;
    }
    const double replies_us = step_cost_predict(&s->cost, &s->shape);
    double limit_us = 2 * replies_us < REPLY_STEP_LEAST_US ? REPLY_STEP_LEAST_US : 2 * replies_us;
    limit_us = limit_us > REPLY_STEP_MOST_US ? REPLY_STEP_MOST_US : limit_us;
    add_prompts(s, tier, limit_us, CHUNK_LEAST, s->options.chunk_max, now_us);
}

static void add_batch_alone(struct scheduler *s, bool is_probe, uint64_t now_us)
{
    const double limit_us = step_batch_limit_us(s);
    if (s->options.tiers.batch_step_us == 0) {
        add_top(s, TIER_BATCH, now_us);
        return;
    }
    add_replies(s, TIER_BATCH, is_probe ? 0 : limit_us, true, now_us);
    if (is_probe && s->shape.replies > 0)
        return;
    add_prompts(s, TIER_BATCH, limit_us, s->shape.replies > 0 ? 0 : CHUNK_LOW_LEAST, UINT32_MAX, now_us);
}

static void add_lower(struct scheduler *s, uint8_t tier, uint64_t now_us)
{
    const double limit_us = shared_limit_us(s, tier);
    add_replies(s, tier, limit_us, false, now_us);
    add_prompts(s, tier, limit_us, 0, s->options.chunk_max, now_us);
}

/* Limits are multiples of a small step's duration, and where lower tiers fill every step no small one
 * is measured: its prediction drifts, by three times before long. So one step in PROBE_STEPS has no more than
 * what the limit is a multiple of. */
void step_compose(struct scheduler *s)
{
    const uint8_t top = step_top_tier(s);
    const bool is_probe = s->steps++ % PROBE_STEPS == 0;
    const uint64_t now_us = clock_now_us();
    s->shape = (struct step_shape){0};
    s->redone = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        s->sequences[i]->batched = 0;
        s->sequences[i]->wants_logits = false;
    }
    if (top == TIER_BATCH) {
        add_batch_alone(s, is_probe, now_us);
        return;
    }
    add_top(s, top, now_us);
    if (is_probe && s->shape.replies > 0 && s->shape.prompt == 0)
        return;
    for (uint8_t tier = top + 1; tier <= TIER_BATCH; tier++)
        if (tier != TIER_BATCH || s->options.tiers.is_objective)
            add_lower(s, tier, now_us);
}

/* --- one pass of it --------------------------------------------------------------------------------- */

bool step_has(const struct sequence *seq, const struct step_shape *pass)
{
    return seq->batched > 0 && (sequence_is_reading(seq) ? pass->prompt : pass->replies) > 0;
}

/* Token number `at` of the sequence: of the prompt, of the reply behind it, or the one that was chosen last. */
static model_token token_at(const struct sequence *seq, uint32_t at)
{
    const struct model_tokens *prompt = &seq->job->tokens;
    if (!sequence_is_reading(seq))
        return seq->token;
    must(at < prompt->count + seq->reply.count, "what is computed again was remembered", LOG_I("at", at),
         LOG_I("prompt", prompt->count), LOG_I("reply", seq->reply.count));
    return at < prompt->count ? prompt->items[at] : seq->reply.items[at - prompt->count];
}

void step_fill(struct scheduler *s, const struct step_shape *pass)
{
    struct model *model = s->options.model;
    model_batch_clear(model);
    for (uint32_t i = 0; i < s->count; i++) {
        struct sequence *seq = s->sequences[i];
        const uint32_t end = seq->past + seq->batched;
        if (!step_has(seq, pass))
            continue;
        seq->wants_logits = seq->redo == 0 && end >= seq->job->tokens.count;
        for (uint32_t at = seq->past; at < end; at++)
            model_batch_add(model, token_at(seq, at), at, seq->id, seq->wants_logits && at + 1 == end);
        must(end <= seq->cells, "a sequence stays within the cells that were promised to it", LOG_I("end", end),
             LOG_I("cells", seq->cells), LOG_I("id", seq->id));
        seq->row = model_batch_count(model) - 1;
    }
}
