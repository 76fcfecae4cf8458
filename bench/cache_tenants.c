/* cache_tenants.c - 32 tenants with prefixes of 2,000 tokens talk for five turns in turn, with less and less memory.
 *
 * All is relative to what their conversations take at the end: the larger of what llama.cpp writes for a sequence of
 * that length and what Fulcrum's store takes for its blocks, so that 100% hold all of them once in either server.
 * Both run the same prompts on the same model, two sequences at a time; only tokens that a whole block of Fulcrum
 * could hold count as readable, for both. */
#include <stdio.h>

#include "cache_bed.h"
#include "cache_parts.h"
#include "support_llama.h"

#define TENANTS 32u
#define TURNS 5u
#define MEASURED_FROM 3u /* turn */
#define PREFIX_TOKENS 2000u
#define TURN_TOKENS 20u /* that a turn adds to its conversation: little, so that memory is short from the first */
#define PARALLEL 2u
#define OWN_THREADS 1u /* what Fulcrum takes by itself for a model so small: seconds are compared at equal threads */
#define PAYLOAD_HEADER 16u /* the store's own, of a block */
#define MIB (1u << 20)

/* One server, as the load sees it: the tokens that it read of this prompt. */
struct target {
    const char *name;
    uint32_t (*ask)(void *ctx, uint32_t tenant, uint32_t tokens);
    void *ctx;
};

struct outcome {
    uint64_t read, readable, prompt; /* tokens of the measured turns */
    double seconds;                  /* of all turns */
};

static struct client client;

/* --- memory ----------------------------------------------------------------------------------------- */

static uint64_t state_bytes(struct model *model, uint32_t tokens)
{
    static model_token items[PREFIX_TOKENS + TURNS * TURN_TOKENS + REPLY_TOKENS];
    const struct model_tokens prompt = {items, tokens, tokens};
    decode_prompt(model, &prompt);
    const uint64_t bytes = model_state_size(model, 0);
    model_seq_clear(model, 0);
    return bytes;
}

/* A reply's last token is never computed. */
static uint64_t conversation_bytes(void)
{
    struct error error;
    struct model *model;
    const struct model_options options = {.path = SMALL_PATH, .context = CONTEXT, .parallel = 1};
    const uint32_t longest = PREFIX_TOKENS + TURNS * TURN_TOKENS + REPLY_TOKENS - 1;
    if (model_load(&options, &model, &error) != OK)
        die(error.message);
    const uint64_t whole = state_bytes(model, longest);
    const uint64_t blocks = longest / PREFIX_STORE_BLOCK * (state_bytes(model, PREFIX_STORE_BLOCK) + PAYLOAD_HEADER);
    model_free(model);
    return whole > blocks ? whole : blocks;
}

/* --- the load --------------------------------------------------------------------------------------- */

static struct outcome run_load(const struct target *target)
{
    struct outcome outcome = {0};
    const uint64_t began_us = clock_now_us();
    for (uint32_t turn = 1; turn <= TURNS; turn++) {
        for (uint32_t tenant = 0; tenant < TENANTS; tenant++) {
            const uint32_t count = PREFIX_TOKENS + turn * TURN_TOKENS, before = count - TURN_TOKENS;
            fill_text(client.text, count, tenant);
            const uint32_t got = target->ask(target->ctx, tenant, count);
            if (turn < MEASURED_FROM)
                continue;
            const uint32_t most = before - before % PREFIX_STORE_BLOCK;
            outcome.read += got < most ? got : most;
            outcome.readable += most;
            outcome.prompt += count;
        }
    }
    outcome.seconds = (double)(clock_now_us() - began_us) / 1e6;
    return outcome;
}

static double report_outcome(struct bench *report, const char *key, const char *server, uint64_t bytes,
                             const struct outcome *outcome)
{
    const double share = (double)outcome->read / (double)outcome->readable;
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", key),
        BENCH_TEXT("server", server),
        BENCH_NUMBER("memory_mb", (double)bytes / 1e6),
        BENCH_NUMBER("read_tokens", (double)outcome->read),
        BENCH_NUMBER("share_of_ideal", share),
        BENCH_NUMBER("share_of_prompt", (double)outcome->read / (double)outcome->prompt),
        BENCH_NUMBER("seconds", outcome->seconds),
    };
    bench_row(report, cells, sizeof(cells) / sizeof(cells[0]));
    return share;
}

/* --- Fulcrum ---------------------------------------------------------------------------------------- */

static uint32_t ask_fulcrum(void *ctx, uint32_t tenant, uint32_t tokens)
{
    char name[16];
    snprintf(name, sizeof(name), "tenant-%u", tenant);
    begin(ctx, &client, 0, tokens, ENGINE_CACHE_IMPLICIT, name);
    finish(ctx, &client);
    return client.finished.cache.read_tokens;
}

static double run_fulcrum(struct bench *report, const char *key, uint64_t bytes)
{
    static struct bed bed;
    const struct target target = {"fulcrum", ask_fulcrum, &bed};
    open_bed(&bed, SMALL_PATH, PARALLEL, bytes);
    const struct outcome outcome = run_load(&target);
    close_bed(&bed);
    return report_outcome(report, key, target.name, bytes, &outcome);
}

/* --- llama.cpp's own server ------------------------------------------------------------------------- */

static uint32_t ask_llama(void *ctx, uint32_t tenant, uint32_t tokens)
{
    uint32_t read = 0, all = 0;
    (void)tenant; /* it knows none */
    if (!llama_server_complete(ctx, (struct str){client.text, tokens}, REPLY_TOKENS, &read, &all))
        die("llama-server did not answer");
    if (all != tokens)
        die("llama-server does not count the prompt's tokens as we do");
    return read;
}

/* It takes whole MiB: rounded up. */
static void run_llama(struct bench *report, const char *key, uint64_t bytes)
{
    const char *why;
    const uint64_t mib = (bytes + MIB - 1) / MIB;
    struct llama_server *server = NULL;
    const struct llama_server_options options = {.program = llama_server_program(&why), .model = SMALL_PATH,
                                                 .context = CONTEXT, .parallel = PARALLEL,
                                                 .threads = threads > 0 ? threads : OWN_THREADS, .cache_mib = mib};
    if (options.program != NULL)
        server = llama_server_start(&options, &why);
    if (server == NULL) {
        const struct bench_cell cells[] = {BENCH_TEXT("figure", key), BENCH_TEXT("server", "llama-server"),
                                           BENCH_TEXT("result", why)};
        bench_row(report, cells, sizeof(cells) / sizeof(cells[0]));
        return;
    }
    const struct target target = {"llama-server", ask_llama, server};
    const struct outcome outcome = run_load(&target);
    llama_server_stop(server);
    report_outcome(report, key, target.name, mib * MIB, &outcome);
}

/* --- both ------------------------------------------------------------------------------------------- */

void bench_tenants(struct bench *report)
{
    static const struct {
        const char *key;
        uint32_t per_mille;
        double bound; /* 0: none */
    } memories[] = {{"tenants_100", 1000, 0.95}, {"tenants_96.5", 965, 0}, {"tenants_75", 750, 0.50},
                    {"tenants_50", 500, 0.30}};
    const char *why;
    const uint64_t all = TENANTS * conversation_bytes();
    (void)llama_server_program(&why); /* builds it now rather than between two rows */
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++) {
        const uint64_t bytes = all * memories[i].per_mille / 1000;
        const double share = run_fulcrum(report, memories[i].key, bytes);
        run_llama(report, memories[i].key, bytes);
        if (memories[i].bound > 0)
            bench_limit(report, memories[i].key, share, BENCH_AT_LEAST, memories[i].bound);
    }
}
