/* default_reply.c - see default_reply.h: a card's figure and a speed, the smaller of both; a mean that forgets. */
#include "generate/default_reply.h"
#include "model/replies.h"

#define LEARNED_TOKENS_MIN 8 /* shorter replies say little */
#define REPLY_TOKENS_MIN 16  /* even of the slowest model */
#define REPLY_TOKENS_USUAL 128u /* before the first reply */
#define LENGTH_UNIT 256u        /* of model_live.reply_length */
#define LENGTH_MEMORY 16u       /* replies */

uint64_t default_reply_us(const struct config *config)
{
    return config->deterministic ? 0 : reply_config(config)->max_ms * 1000; /* clocks are not deterministic */
}

uint32_t default_reply_tokens(const struct config *config, const struct catalog_match *match)
{
    uint32_t tokens = catalog_default_reply_tokens(config, match);
    uint64_t token_us = atomic_load_explicit(&match->model->live->token_us, memory_order_relaxed);
    uint64_t max_us = default_reply_us(config);
    if (max_us == 0 || token_us == 0)
        return tokens;
    uint64_t fitting = max_us / token_us;
    if (fitting < REPLY_TOKENS_MIN)
        fitting = REPLY_TOKENS_MIN;
    return tokens == 0 || fitting < tokens ? (uint32_t)(fitting > UINT32_MAX ? UINT32_MAX : fitting) : tokens;
}

/* An average that forgets; a store that another thread's overtakes is no loss. */
void default_reply_learn(const struct model *model, uint64_t output_tokens, uint64_t decode_us)
{
    if (output_tokens < LEARNED_TOKENS_MIN || decode_us == 0)
        return;
    uint64_t now = decode_us / (output_tokens - 1);
    uint64_t before = atomic_load_explicit(&model->live->token_us, memory_order_relaxed);
    atomic_store_explicit(&model->live->token_us, before ? (before * 7 + now) / 8 : now, memory_order_relaxed);
}

uint32_t expected_reply_tokens(const struct model *model, uint32_t max_tokens)
{
    const uint64_t length = atomic_load_explicit(&model->live->reply_length, memory_order_relaxed);
    const uint64_t tokens = length ? (length + LENGTH_UNIT / 2) / LENGTH_UNIT : REPLY_TOKENS_USUAL;
    return max_tokens > 0 && max_tokens < tokens ? max_tokens : (uint32_t)tokens;
}

void expected_reply_learn(const struct model *model, uint64_t output_tokens)
{
    if (output_tokens > UINT32_MAX)
        return;
    const uint64_t now = output_tokens * LENGTH_UNIT;
    const uint64_t before = atomic_load_explicit(&model->live->reply_length, memory_order_relaxed);
    const uint64_t mean = before ? before - before / LENGTH_MEMORY + now / LENGTH_MEMORY : now;
    atomic_store_explicit(&model->live->reply_length, mean ? mean : 1, memory_order_relaxed);
}
