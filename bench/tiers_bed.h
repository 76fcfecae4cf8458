/* tiers_bed.h - what the parts of `make bench B=tiers` share: two engines with one model, clients that arrive as in
 * a trace or ask again as soon as they are answered, and phases of them. What fails ends the program. One thread. */
#ifndef BENCH_TIERS_BED_H
#define BENCH_TIERS_BED_H

#include "support.h"
#include "cache/config.h"
#include "support_traffic.h"
#include "engine/engine.h"
#include "engine/tier.h"

#define PARALLEL 16
#define PROMPT_MAX 2200
#define BATCH_PROMPT 64
#define BATCH_REPLY 64
#define OBJECTIVE 2.0
#define WARM_UP_US 3000000u
#define SAMPLES_MAX 65536

struct sample {
    size_t request; /* its arrival */
    double value;
};

struct samples {
    struct sample items[SAMPLES_MAX];
    size_t count;
};

/* What one kind of requests did; of phases that are repeated, of all. */
struct tally {
    struct samples ttft_ms, tpot_ms;
    uint64_t output_tokens, prompt_tokens, refused;
};

/* The engine behind one setting of `tiers.share`. */
struct side {
    struct config config;
    struct config_model model;
    struct cache_config cache;
    struct tier_config tiers;
    struct engine *engine;
    struct engine_port *port;
};

enum kind { KIND_STANDARD, KIND_PRIORITY, KIND_BATCH, KINDS };

struct phase {
    const struct side *side;
    double rates[KINDS];  /* arrivals per second, from the trace */
    uint32_t clients[KINDS]; /* that ask again as soon as they are answered */
    struct tally *tallies[KINDS];
    uint64_t us;          /* measured */
    size_t first;         /* arrival */
    bool is_drained;      /* it goes on, with arrivals that do not count, until all that count are answered */
};

struct bed {
    uv_loop_t loop;
    struct side strict, objective;
    struct traffic traffic;
    const char *model_path;
    unsigned rounds;
    uint64_t round_us;         /* of each phase in one round */
    uint32_t threads;

    const struct phase *phase; /* the present one */
    bool is_measured;          /* warmed up, and not over */
    uint32_t running[KINDS];
    struct client *clients;    /* all */
    size_t next[KINDS];        /* arrival */
};

/* Of phases that are repeated, sums. */
struct measured {
    double seconds, steps_seconds, steps; /* as measured, in steps, how many steps */
    double error_seconds;                 /* distance of what steps were predicted to take */
    double preempted;                     /* requests of batch that lost their place */
};

_Noreturn void die(const char *what);
/* A request that was repeated counts once, with the median of its values. */
double percentile(struct samples *samples, double share);

void open_bed(struct bed *bed);
void close_bed(struct bed *bed);

/* Blanks and digits are one token each. */
void write_prompt(char *text, uint32_t tokens);
void ask(struct bed *bed, enum kind kind, uint32_t prompt, uint32_t reply);
void wait_until(struct bed *bed, uv_timer_t *timer, uint64_t until_us); /* or something happened */
void settle(struct bed *bed, uv_timer_t *timer); /* cancels what runs, waits until the engine has let go of it */

/* After a warm-up. Arrivals are the trace's from `first` on. */
struct measured run_phase(struct bed *bed, const struct phase *phase);

/* --- tiers_documents.c --- */

double run_documents(struct bed *bed, struct bench *report); /* records per second with cache, over those without */

#endif
