/* job.h - a customization job: what was asked for, and how far it has come; as a row of the store of jobs.
 *
 * The request stands in the row as it came: what it says (URIs, validators, the teacher) is read there. Terms are what
 * the server agreed to when it made the job. Both and the progress are JSON and stand in databases: members may be
 * added, and are 0 or empty where they are missing. */
#ifndef CUSTOMIZE_JOB_H
#define CUSTOMIZE_JOB_H

#include "core/buf.h"
#include "core/json.h"
#include "customize/scratch.h"
#include "jobs/jobs.h"

enum custom_type { CUSTOM_FINE_TUNING, CUSTOM_DISTILLATION, CUSTOM_TYPES };
extern const char *const custom_type_names[CUSTOM_TYPES + 1]; /* "FINE_TUNING", ...; ends with NULL */

/* InProgress -> Completed, Failed; or Stopping -> Stopped, unless it was over before that was seen. */
enum custom_status {
    CUSTOM_IN_PROGRESS,
    CUSTOM_STOPPING,
    CUSTOM_COMPLETED, /* from here on it has ended */
    CUSTOM_FAILED,
    CUSTOM_STOPPED,
    CUSTOM_STATUSES,
};
extern const struct job_kind custom_job_kind; /* its statuses are those, in that order */
bool custom_status_has_ended(enum custom_status status);

/* What statusDetails has: in this order. */
enum custom_stage { CUSTOM_VALIDATION, CUSTOM_DATA_PROCESSING, CUSTOM_TRAINING, CUSTOM_STAGES };
enum custom_stage_status { STAGE_NOT_STARTED, STAGE_IN_PROGRESS, STAGE_COMPLETED, STAGE_STOPPED, STAGE_FAILED,
                           STAGE_STATUSES };
extern const char *const custom_stage_status_names[STAGE_STATUSES]; /* "NotStarted", ... */

#define CUSTOM_VALIDATORS_MAX 10

/* What a batch job of the tenant's asked the teacher. */
struct custom_asked {
    char job[JOB_ID_LEN + 1];  /* empty: there is none yet */
    uint64_t asked, answered;  /* records, each once */
    uint64_t input, output;    /* tokens */
};

struct custom_progress {
    struct custom_stage_note {
        enum custom_stage_status status;
        uint64_t created_us, modified_us; /* wall clock; 0: it has not begun */
    } stages[CUSTOM_STAGES];
    uint64_t accepted, rejected;  /* lines of the training data */
    uint64_t trained, held;       /* of those accepted, that the model learns from and that it is measured on */
    struct custom_asked answers;  /* to prompts */
    struct custom_variants {
        struct custom_asked asked; /* its records want several variants of a real prompt each */
        uint64_t bad_replies;      /* that were no list of prompts */
        uint64_t written;          /* variants in all others */
        uint64_t unfit, duplicates, off_topic; /* of these, dropped */
        uint64_t kept, learnt;     /* of these; and of these with an answer */
    } variants;
    uint64_t step, steps;         /* of the training */
    uint64_t warm_up;             /* of these steps, before the first row is learnt */
    uint64_t seconds_left;        /* of the training, about */
    bool has_loss;
    double loss;                  /* of its last steps, nats a token */
    size_t validator_count;       /* losses are known of so many validators */
    double validation_losses[CUSTOM_VALIDATORS_MAX];
    uint64_t weights, base_weights, price_share; /* of a pruned student (student.h); 0: it is none, or not made yet */
    char model[JOB_ID_LEN + 1];   /* the custom model that came of it; empty: none did yet */
};

/* Strings live in the arena of whoever read it. */
struct custom_job {
    char id[JOB_ID_LEN + 1];
    int64_t sequence; /* order of submission */
    struct str tenant, account, region;
    struct str name, token;
    struct str request; /* compact JSON of the whole request */
    struct job_tags tags; /* of one to be made */
    enum custom_status status;
    struct str message;
    uint64_t submit_us, modified_us, end_us; /* wall clock; end 0: it has not ended */
    struct custom_progress progress;

    /* Terms. */
    enum custom_type type;
    struct str model_name; /* of what it makes */
    struct str base;       /* ID of the model that it begins with, in ARNs: "amazon.nova-lite-v1:0" */
    struct str base_path;  /* its GGUF file; empty: it is one of the program's own, by base_name */
    struct str base_name;
    struct str settings;   /* members of its definition that come from its base: price, context; may be empty */
    struct str teacher;    /* of a distillation: the model ID that answers */
    /* With soft labels: its GGUF files, empty where it is one of the program's own, by its name, or has no adapter. */
    struct str teacher_path, teacher_adapter, teacher_name;
    struct str model_tags; /* a JSON object, as resources have it; may be empty */
};

/* What it begins as, where that is no model: one that was made from scratch is a model by now. NULL: with a model. */
const struct scratch *custom_job_scratch(const struct custom_job *job);

/* The ARN of the job, or of its custom model: bases without a dot get one, as the service's pattern wants. */
bool custom_append_arn(struct buf *out, const char *resource, struct str region, struct str account, struct str base,
                       const char *id);

/* What became of variants, for those who ask: members of an object. */
bool custom_append_variants(struct buf *out, const struct custom_variants *variants);

/* The caller holds the lock of the data directory: leases found there are of processes that are gone, and are ended. */
enum error_code custom_jobs_open(const char *data, struct jobs **jobs, struct error *error) WARN_UNUSED;

/* jobs/jobs.h says what each of these does. */
enum error_code custom_jobs_create(struct jobs *jobs, struct custom_job *job, uint64_t most, bool *is_new,
                                   struct error *error) WARN_UNUSED;
enum error_code custom_jobs_get(struct jobs *jobs, struct str tenant, struct str id, struct arena *arena,
                                struct custom_job *job, struct error *error) WARN_UNUSED;
enum error_code custom_jobs_list(struct jobs *jobs, const struct job_filter *filter, struct arena *arena,
                                 struct custom_job **list, size_t *count, bool *has_more,
                                 struct error *error) WARN_UNUSED;
/* The tenant's job of this very name, the newest. ERROR_NOT_FOUND. */
enum error_code custom_jobs_find_name(struct jobs *jobs, struct str tenant, struct str name, struct arena *arena,
                                      struct custom_job *job, struct error *error) WARN_UNUSED;
/* One whose terms cannot be read is given back as Failed. */
enum error_code custom_jobs_claim(struct jobs *jobs, const struct job_lease *lease, bool takes_new,
                                  struct arena *arena, struct custom_job *job, struct job_claim *claim, bool *has_job,
                                  struct error *error) WARN_UNUSED;
/* With message and progress of `job`; to another status, or (`to` as `from`) to the same. */
enum error_code custom_jobs_move(struct jobs *jobs, const struct custom_job *job, const struct job_claim *claim,
                                 const struct job_move *move, bool *has_moved, struct error *error) WARN_UNUSED;
enum error_code custom_jobs_note(struct jobs *jobs, const struct custom_job *job, const struct job_claim *claim,
                                 struct error *error) WARN_UNUSED;

#endif
