/* cache_bed.h - what the parts of `make bench B=cache` share: an engine with one model, a client that knows what a
 * prompt is, and the prefix store without a worker. What fails ends the program. One thread. */
#ifndef BENCH_CACHE_BED_H
#define BENCH_CACHE_BED_H

#include "support.h"
#include "cache/config.h"
#include "core/util.h"
#include "engine/engine.h"
#include "engine/prefix_store.h"
#include "engine/random_gguf.h"

#define LARGE_PATH "build/bench/random-110m.gguf"
#define SMALL_PATH "build/bench/random-2x128.gguf"
#define CONTEXT 4608u       /* of both */
#define TEXT_TOKENS 32768u  /* the longest prompt */
#define REPLY_TOKENS 16u
#define SUFFIX_TOKENS 16u
#define PREFIX_TTL 300u
#define PLENTY (8ull << 30)

extern unsigned rounds;  /* BENCH_ROUNDS */
extern uint32_t threads; /* BENCH_THREADS, 0: as the engine likes */

_Noreturn void die(const char *what);

struct random_gguf_options small_shape(void);

/* --- the engine --- */

struct bed {
    uv_loop_t loop;
    struct config config;
    struct config_model model;
    struct cache_config cache;
    struct engine *engine;
    struct engine_port *port;
};

struct client {
    char text[TEXT_TOKENS];
    uint64_t begun_us, started_us;
    struct engine_finished finished;
    bool is_done;
};

void open_bed(struct bed *bed, const char *path, uint32_t parallel, uint64_t memory_bytes); /* CONTEXT */
void open_bed_of(struct bed *bed, const char *path, uint32_t context, uint32_t parallel, uint64_t memory_bytes);
void close_bed(struct bed *bed);

/* Blanks and digits are a token each, so a text of n bytes is a prompt of n tokens. */
void fill_text(char *text, uint32_t count, uint64_t seed);

/* The first `prefix` tokens end at a checkpoint; with 0 there is none. */
void begin(struct bed *bed, struct client *client, uint32_t prefix, uint32_t count, enum engine_cache cache,
           const char *tenant);
void finish(struct bed *bed, const struct client *client);
double first_token_ms(const struct client *client);

/* --- the store, in this process --- */

struct store_times {
    double computed_ms, put_back_ms; /* medians */
    double share;                    /* of the second in the first, median */
};

/* A prompt of `tokens` and SUFFIX_TOKENS is computed and stored, then put back. */
struct store_times measure_store(const char *path, uint32_t context, uint32_t tokens, unsigned times);

void decode_prompt(struct model *model, const struct model_tokens *tokens);

#endif
