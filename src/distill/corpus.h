/* corpus.h - JSONL files of rows, and the mix of sources that feeds a phase.
 *
 * What a sampler hands out depends on its seed and state only, and the state
 * is small: a resumed run sees exactly the rows it would have seen. One thread
 * at a time. */
#ifndef DISTILL_CORPUS_H
#define DISTILL_CORPUS_H

#include "core/error.h"
#include "core/util.h"
#include "distill/example.h"
#include "distill/packer.h"
#include "distill/tokenizer.h"

/* A file, mapped into memory, and where its rows are. */
struct corpus {
    const char *path; /* borrowed */
    struct str text;
    struct str *rows;
    uint32_t row_count;
    char hash[2 * SHA256_LEN + 1];
};
enum error_code corpus_open(const char *path, struct corpus *corpus, struct error *error) WARN_UNUSED;
void corpus_close(struct corpus *corpus);

#define SAMPLER_SOURCES_MAX 8
#define SAMPLER_WAITING_MAX 8

struct corpus_sampler_source {
    const struct corpus *corpus; /* NULL: random copying of `copied` */
    enum copied_kind copied;
    double weight;               /* share of tokens, relative */
    bool is_fresh;               /* values.h: each draw of a row has values of its own */
};

/* Where a source stands; written to checkpoints. */
struct source_state {
    uint64_t epoch;   /* times the file was gone through */
    uint64_t next;    /* row of this epoch's order */
    uint64_t tokens;  /* handed out */
    uint64_t skipped; /* rows longer than the phase's length */
};

struct corpus_sampler {
    const struct tokenizer *tokenizer;
    uint64_t seed;
    struct rng rng; /* for copying; written to checkpoints */
    uint32_t length;
    struct corpus_sampler_source sources[SAMPLER_SOURCES_MAX];
    struct source_state states[SAMPLER_SOURCES_MAX];
    uint32_t *orders[SAMPLER_SOURCES_MAX]; /* this epoch's order of rows */
    size_t source_count;
    /* Examples that did not fit into the last batch; first into the next. */
    struct arena arenas[2]; /* examples live in arenas[arena]; the other is empty */
    size_t arena;
    struct example waiting[SAMPLER_WAITING_MAX];
    int32_t waiting_tags[SAMPLER_WAITING_MAX];
    size_t waiting_count;
};

enum error_code corpus_sampler_init(struct corpus_sampler *sampler, const struct tokenizer *tokenizer, uint64_t seed,
                             uint32_t length, const struct corpus_sampler_source *sources, size_t source_count,
                             struct error *error) WARN_UNUSED;
void corpus_sampler_deinit(struct corpus_sampler *sampler);

/* After states, rng and waiting were read from a checkpoint. */
enum error_code corpus_sampler_resume(struct corpus_sampler *sampler, struct error *error) WARN_UNUSED;

/* Resets and fills the packer; tags are indexes of sources. */
enum error_code corpus_sampler_fill(struct corpus_sampler *sampler, struct packer *packer,
                                    struct error *error) WARN_UNUSED;

#endif
