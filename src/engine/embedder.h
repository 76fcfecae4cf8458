/* embedder.h - the model thread of a model that makes embeddings: inputs of many jobs share a batch.
 *
 * A batch takes whole inputs, as many as fit: of the highest tier first, one of each job in turn, so that a job of
 * thousands does not hold up one of a single input. Jobs are made and freed by the front thread; between
 * embedder_submit and `post` only the model thread touches one, but for is_cancelled. */
#ifndef ENGINE_EMBEDDER_H
#define ENGINE_EMBEDDER_H

#include <stdatomic.h>

#include "engine/broker.h"
#include "engine/engine.h"
#include "engine/model.h"

struct embedder;

struct embed_job {
    struct engine_embed wanted;
    struct model_tokens *tokens; /* of each input */
    uint32_t *counts;            /* of them */
    float *values;               /* [count][width] once it is done, each of length 1 */
    struct error error;          /* code OK: it is done */
    atomic_bool is_cancelled;
    void *owner; /* the front's */
    struct embed_job *next;
    size_t taken, made; /* inputs; the model thread's */
};

/* Any thread: the tokens of a job's inputs. ERROR_INVALID: one is empty, too long or no token of the model. Whatever
 * comes of it, embed_job_deinit. */
enum error_code embed_job_prepare(const struct model *model, struct embed_job *job, struct arena *arena,
                                  struct error *error) WARN_UNUSED;
void embed_job_deinit(struct embed_job *job);
uint64_t embed_job_tokens(const struct embed_job *job);

struct embedder_options {
    struct model *model;
    struct broker_client *broker;
    bool is_serial; /* one input in a batch: what else is in it would change the bits */
    void (*post)(void *ctx, struct embed_job *jobs); /* model thread; a list of what is done, failed or was cancelled */
    void *ctx;
};

struct embedder *embedder_new(const struct embedder_options *options); /* NULL: no memory */
void embedder_free(struct embedder *embedder);
void embedder_run(struct embedder *embedder); /* model thread; until embedder_quit */

/* Any thread. */
void embedder_submit(struct embedder *embedder, struct embed_job *job);
void embedder_quit(struct embedder *embedder);
uint64_t embedder_queued_tokens(const struct embedder *embedder, enum tier tier); /* of jobs that are not done */

#endif
