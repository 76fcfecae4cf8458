/* kernels_same.c - whether a request's reply depends on what else the engine computes.
 *
 *   same_alone  share of requests whose reply among 15 others is the reply that they get alone, byte for byte
 *
 * The requests are BENCH_REQUESTS (500) prompts of 8 to 256 tokens, half of them answered greedily, half drawn with a
 * seed of their own: a probability that differs in its last bit sooner or later draws another token. First one at a
 * time, then all with 16 clients, in another order, so that each meets other neighbours in other pieces than by
 * itself. The model is SmolLM2 where BENCH_MODEL names it, else the random one. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels_bed.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/util.h"

#define PROMPT_LEAST 8u
#define PROMPT_MOST 256u
#define REPLY_LEAST 4u
#define REPLY_MOST 32u
#define REPLY_BYTES ((size_t)1 << 16)

static void make_request(struct asked *asked, struct rng *rng, uint64_t number)
{
    const uint32_t prompt = PROMPT_LEAST + (uint32_t)rng_below(rng, PROMPT_MOST - PROMPT_LEAST + 1);
    char *text = mem_must_alloc(PROMPT_TEXT_MAX);
    *asked = (struct asked){.prompt = bed_prompt(text, prompt),
                            .max_tokens = REPLY_LEAST + (uint32_t)rng_below(rng, REPLY_MOST - REPLY_LEAST + 1),
                            .temperature = number % 2 == 0 ? 0.0f : 1.0f,
                            .seed = number,
                            .reply = mem_must_calloc(1, sizeof(struct buf))};
    buf_init(asked->reply, REPLY_BYTES);
}

/* Every request again, behind others than before: with a step that has no factor in common with the number. */
static void shuffle(const struct asked *alone, struct asked *among, size_t count)
{
    size_t step = count * 5 / 8;
    for (bool is_coprime = false; !is_coprime && step > 1; step -= !is_coprime) {
        size_t a = count, b = step;
        while (b > 0) {
            const size_t rest = a % b;
            a = b;
            b = rest;
        }
        is_coprime = a == 1;
    }
    for (size_t i = 0; i < count; i++) {
        among[i] = alone[i * (step > 0 ? step : 1) % count];
        among[i].reply = mem_must_calloc(1, sizeof(struct buf));
        buf_init(among[i].reply, REPLY_BYTES);
    }
}

static bool is_same(const struct asked *a, const struct asked *b)
{
    return a->tokens == b->tokens && str_eq(buf_str(a->reply), buf_str(b->reply));
}

void bench_same(struct bench *bench)
{
    static struct side side;
    const size_t count = bench_setting("BENCH_REQUESTS", 500);
    const char *model = bed_smollm2() != NULL ? bed_smollm2() : RANDOM_Q8_0;
    struct asked *alone = mem_must_calloc(count, sizeof(*alone)), *among = mem_must_calloc(count, sizeof(*among));
    size_t same = 0;
    uint64_t tokens = 0;
    struct rng rng;
    rng_seed(&rng, 1);
    srand(1);
    for (size_t i = 0; i < count; i++)
        make_request(&alone[i], &rng, i);
    shuffle(alone, among, count);
    side_open(&side, &(struct side_options){.model = model});
    const uint64_t alone_us = side_ask(&side, alone, count, 1), among_us = side_ask(&side, among, count, PARALLEL);
    side_close(&side);
    for (size_t i = 0; i < count; i++) {
        tokens += alone[i].tokens;
        for (size_t k = 0; k < count; k++)
            same += among[k].prompt.data == alone[i].prompt.data && is_same(&alone[i], &among[k]);
    }
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "same_alone"),
        BENCH_TEXT("model", model == bed_smollm2() ? "SmolLM2" : "random"),
        BENCH_NUMBER("requests", count),
        BENCH_NUMBER("alone_tokens_per_second", (double)tokens * 1e6 / (double)alone_us),
        BENCH_NUMBER("among_tokens_per_second", (double)tokens * 1e6 / (double)among_us),
        BENCH_NUMBER("identical", same),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "same_alone", (double)same / (double)count, BENCH_AT_LEAST, 1.0);
    for (size_t i = 0; i < count; i++) {
        mem_free((void *)(uintptr_t)alone[i].prompt.data);
        buf_deinit(alone[i].reply);
        buf_deinit(among[i].reply);
        mem_free(alone[i].reply);
        mem_free(among[i].reply);
    }
    mem_free(alone);
    mem_free(among);
}
