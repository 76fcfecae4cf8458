/* customize.h - lever 3: models that are made of a user's own prompts. Jobs are kept in DATA/state.db, and a thread of
 * the gateway runs them, one at a time: it checks the data, has the trainer (a process of its own) learn from them, and
 * keeps what comes of it as a custom model. What a job is: job.h; how one goes on after a crash: run.h.
 * docs/DISTILLATION.md. */
#ifndef CUSTOMIZE_CUSTOMIZE_H
#define CUSTOMIZE_CUSTOMIZE_H

#include "core/catalog.h"
#include "core/config.h"
#include "customize/deploy.h"
#include "customize/job.h"
#include "customize/model_store.h"
#include "ledger/price_book.h"
#include "model/registry.h"
#include "model/resolve.h"
#include "store/objects.h"

struct batch;
struct customize;

/* All of it is borrowed, and outlives the customize. */
struct customize_options {
    const struct config *config;
    const struct catalog *catalog;
    const struct registry *models;
    const struct price_book *prices;
    struct objects *objects;
    int broker_fd; /* engine_broker_fd: trainings give way; -1: to nobody but the kernel's other processes */
    void (*on_rows)(void *ctx); /* models were added or taken away in state.db; any thread */
    void *ctx;
    const char *data; /* the data directory from the root on; filled in by customize_open: trainers run elsewhere */
};

/* Opens jobs and models. The caller holds the lock of the data directory. */
/* Custom models are there from here on; jobs run once they are started. */
enum error_code customize_open(const struct customize_options *options, struct customize **customize,
                               struct error *error) WARN_UNUSED;
/* Starts the runner; jobs of an earlier process go on. Batch jobs ask the teachers. */
enum error_code customize_start(struct customize *customize, struct batch *batch, struct error *error) WARN_UNUSED;
/* Nothing further is begun; what trains writes a checkpoint and ends. Any thread. */
void customize_begin_drain(struct customize *customize);
/* NULL is legal. */
void customize_close(struct customize *customize);

/* What its files are read by; any thread. */
struct objects *customize_objects(const struct customize *customize);
const char *customize_data(const struct customize *customize); /* the data directory */

/* The custom models, and what serves them; any thread. */
struct resources *customize_models(struct customize *customize);
struct deploy *customize_deploy(struct customize *customize);

/* Whether a training may begin with it, as far as a server knows that: its file has yet to be of the llama
 * architecture. Any thread. */
bool customize_can_train(const struct model *model);

/* What `identifier` begins a training with, in the job's terms: a model that is served, a custom model of the tenant's,
 * or a model from scratch (scratch.h). ERROR_INVALID: it can't be trained, and why. Strings lie in the arena. */
enum error_code customize_base(struct customize *customize, struct str identifier, struct arena *arena,
                               struct custom_job *job, struct error *error) WARN_UNUSED;

/* After customize_base: the student's requests are compared with what they would have cost by its teacher. False: no
 * memory. */
bool customize_note_teacher(struct customize *customize, const struct catalog_match *teacher, struct arena *arena,
                            struct custom_job *job) WARN_UNUSED;

/* For soft labels: where the teacher's files are, in the job's terms. ERROR_INVALID: its distributions can't be had,
 * and why; whether its vocabulary is the student's is seen when the job runs. */
enum error_code customize_soft_teacher(const struct catalog_match *teacher, struct arena *arena,
                                       struct custom_job *job, struct error *error) WARN_UNUSED;

/* The rest waits for the disk: any thread but I/O threads. jobs/jobs.h says what each one does; the first fills in ID,
 * times and status. ERROR_CONFLICT also: the job's name or the model's is taken. */
enum error_code customize_create(struct customize *customize, struct custom_job *job,
                                 struct error *error) WARN_UNUSED;
/* By ID, or by name. */
enum error_code customize_get(struct customize *customize, struct str tenant, struct str id_or_name,
                              struct arena *arena, struct custom_job *job, struct error *error) WARN_UNUSED;
/* What it cost so far (worth.h), and of one that is Completed what it is worth. The first asks memory alone. */
uint64_t customize_cost(const struct customize *customize, const struct custom_job *job);
struct worth;
enum error_code customize_worth(const struct customize *customize, const struct custom_job *job, struct worth *worth,
                                struct error *error) WARN_UNUSED;
enum error_code customize_list(struct customize *customize, const struct job_filter *filter, struct arena *arena,
                               struct custom_job **list, size_t *count, bool *has_more,
                               struct error *error) WARN_UNUSED;
enum error_code customize_request_stop(struct customize *customize, struct str tenant, struct str id,
                                       struct error *error) WARN_UNUSED;

/* The custom model and its files. ERROR_CONFLICT: something still needs it. */
enum error_code customize_delete_model(struct customize *customize, struct str tenant, struct str id,
                                       struct error *error) WARN_UNUSED;

enum error_code customize_tags(struct customize *customize, const char *id, struct arena *arena,
                               struct job_tags *tags, struct error *error) WARN_UNUSED;
enum error_code customize_tag(struct customize *customize, const char *id, const struct job_tags *tags,
                              struct error *error) WARN_UNUSED;
enum error_code customize_untag(struct customize *customize, const char *id, const struct str *keys, size_t count,
                                struct error *error) WARN_UNUSED;

#endif
