/* support_scheduler.h - the scheduler in this process, on a thread of its own,
 * with prompts of given tokens. Hooks run on the model thread between steps:
 * what they do happens at a known moment. */
#ifndef TESTS_UNIT_SUPPORT_SCHEDULER_H
#define TESTS_UNIT_SUPPORT_SCHEDULER_H

#include <pthread.h>

#include "engine/random_gguf.h"
#include "engine/scheduler.h"

#define ASK_MARKS_MAX 8
#define BED_PARKED (64ull << 20)
#define MODEL_ROOM (64ull << 20) /* bytes of cache that no test fills */

struct bed_options {
    const char *path;
    uint32_t context, parallel;
    uint32_t threads;      /* 0: as many as the model would take */
    uint64_t memory_bytes; /* 0: no cache */
    const char *disk_dir;  /* NULL: memory alone */
    uint64_t disk_bytes;
    uint32_t chunk_max;    /* prompt tokens of a step beside replies; 0: 512 */
    double row_us;         /* what a row of a step is taken to cost; 0: it is measured */
    bool is_serial;
    struct scheduler_tiers tiers; /* objective 0: 2; parked_bytes 0: BED_PARKED */
};

struct bed {
    struct model *model;
    struct broker broker;
    struct broker_client client;
    struct prefix_store *store;
    struct scheduler *scheduler;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t mutex; /* guards the state of asks */
    pthread_cond_t changed;
};

struct ask {
    struct job job;
    struct prefix_mark marks[ASK_MARKS_MAX];
    struct bed *bed;
    void (*on_started)(struct ask *ask);  /* model thread */
    void (*on_text)(struct ask *ask);     /* after each */
    void *ctx;
    struct buf text;
    bool is_started, is_finished, is_failed, is_gone;
    uint32_t texts;
    struct engine_finished finished;
    struct error error; /* when it failed */
};

/* A file of random weights at /tmp/fulcrum-test-NAME-PID.gguf. False: it said why. */
bool write_model(const struct random_gguf_options *options, const char *name, char path[64]);

struct bed *bed_new(const struct bed_options *options);
void bed_run(struct bed *bed);  /* starts the thread */
struct bed *bed_open(const struct bed_options *options); /* both */
void bed_free(struct bed *bed);
uint64_t bed_prefilled(const struct bed *bed);
uint64_t bed_queued(const struct bed *bed); /* tokens of prompts that wait, of all tiers */

/* Tokens that depend on the seed only, none of them special. */
void fill_tokens(model_token *tokens, uint32_t count, uint64_t seed);

void ask_init(struct ask *ask, const model_token *tokens, uint32_t count, enum engine_cache cache,
              uint32_t max_tokens);
void ask_mark(struct ask *ask, uint32_t position, uint32_t ttl_seconds);
void ask_submit(struct bed *bed, struct ask *ask); /* any thread */
void ask_wait(struct ask *ask);                    /* for its last event */
void ask_run(struct bed *bed, struct ask *ask);    /* both, and it finished; its counts add up */
void ask_deinit(struct ask *ask);

/* Flips a byte in each stored block that the prompt of `ask` would read. Model thread; returns the blocks. */
uint32_t damage_blocks(struct ask *ask);
uint32_t damage_blocks_from(struct ask *ask, uint32_t first); /* of its path; all blocks there are */

/* A piece of a prompt, with the logits of its last token. The bed does not run. */
void decode_tokens(struct model *model, uint32_t sequence, const model_token *tokens, uint32_t begin, uint32_t end);

/* What a model that runs nothing else replies to the ask's prompt must be what
 * the ask got, up to the first near tie: there the order of a sum decides.
 * `cold` does not run. The bytes that were compared. */
size_t assert_reply_alone(struct bed *cold, const struct ask *ask);

#endif
