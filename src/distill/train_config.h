/* train_config.h - the YAML file of `fulcrum train`. docs/MODELS.md describes
 * every key. Read once, strings live in the arena. */
#ifndef DISTILL_TRAIN_CONFIG_H
#define DISTILL_TRAIN_CONFIG_H

#include "core/error.h"
#include "core/mem.h"
#include "distill/corpus.h"
#include "distill/optim.h"
#include "distill/shape.h"

enum optim_kind { OPTIM_MUON, OPTIM_ADAMW };
enum frozen_kind { FROZEN_NONE, FROZEN_EMBEDDING };
enum base_type { BASE_Q8_0, BASE_F32 }; /* of what stays beside adapters */
enum export_type { EXPORT_Q8_0, EXPORT_F32, EXPORT_ADAPTER, EXPORT_AUTO /* q8_0, or f32 where rows do not fit it */ };

struct train_source {
    const char *file; /* NULL with copying */
    enum copied_kind copied; /* instead of a file */
    double weight;
    bool has_fresh_values; /* of rows: what an answer copies is other at each draw (values.h) */
};

struct train_phase {
    const char *name;
    uint64_t tokens;         /* positions trained on, padding included */
    uint32_t length;         /* of a row */
    uint32_t rows;           /* of one pass; rows * length * accumulate tokens a step */
    uint32_t accumulate;     /* passes a step */
    uint32_t workers;        /* threads that passes of a step run on side by side; at most accumulate */
    uint32_t warm_up;        /* steps */
    double rate;             /* factor on the rates */
    double decay_from;       /* share of the phase; 1: never */
    double final_rate;       /* part of `rate` left at the end */
    struct train_source *sources;
    size_t source_count;
};

struct train_measure {
    const char *file; /* rows whose answers are checked, never trained on; NULL: none */
    uint32_t rows;    /* this many, evenly spread over the file */
    uint32_t length;  /* longer rows are left out */
    uint32_t every;   /* steps */
    bool loss;        /* the curve has it as well */
};

#define TEACHER_TEMPERATURE_MIN 0.1
#define TEACHER_TEMPERATURE_MAX 20.0

/* A larger model of the same vocabulary, whose distributions are learnt besides the rows' own answers (teacher.h). */
struct train_teacher {
    const char *file;    /* GGUF; NULL: there is none */
    const char *adapter; /* GGUF of an adapter beside it; NULL: none */
    double temperature;
    uint32_t top;        /* tokens of a distribution that are told apart; 0: all */
    double weight;       /* of the soft labels' part of the loss, above 0 to 1 */
};

/* What is left of the model of tuned_from before it is trained (prune.h). */
struct pruning {
    uint32_t layers;     /* so many, evenly spread; 0: all of them, or the chosen ones */
    uint32_t *chosen;    /* numbers of the base's layers, ascending */
    size_t chosen_count;
    uint32_t vocabulary; /* tokens at most; 0: all */
};

/* How positions of a pretrained model are scaled from here on (shape.h); factor 0: as its file says. */
struct train_yarn {
    double factor, attention;
    uint32_t original;
};

struct train_config {
    struct arena arena;
    const char *name; /* general.name of the exported file */
    const char *tuned_from; /* GGUF file to begin with (pretrained.h), in place of model and tokenizer; NULL: neither */
    struct train_yarn yarn; /* with tuned_from */
    struct pruning *pruned; /* with tuned_from; NULL: all of it is there */
    struct tuning tuning;
    enum frozen_kind frozen;
    double adapter_alpha;
    const char *adapter_from; /* GGUF of an adapter that training goes on with; NULL: a new one */
    const char **adapter_targets;
    size_t adapter_target_count;
    enum base_type adapter_base;
    struct model_shape model;
    double rope_base, norm_epsilon;
    const char *tokenizer_file;    /* take it from this GGUF file, or */
    const char **tokenizer_corpus; /* train it on these */
    size_t tokenizer_corpus_count;
    uint32_t tokenizer_rows;       /* of each, at most */
    uint32_t tokenizer_digits;     /* of a number token: 1 or 3 */
    const char *grown_from; /* checkpoint of a smaller model that this one begins as (grow.h); NULL: random weights */
    enum optim_kind optimiser;
    struct optim_settings optim;
    struct train_phase *phases;
    size_t phase_count;
    struct train_measure measure;
    struct train_teacher teacher;
    uint64_t seed;
    uint32_t threads;
    uint32_t checkpoint_every; /* steps */
    uint32_t log_every;        /* steps */
    const char *csv;           /* loss curve; NULL: beside the output */
    enum export_type type;
};

enum error_code train_config_load(const char *path, struct train_config *config, struct error *error) WARN_UNUSED;
void train_config_deinit(struct train_config *config);

/* Whether the source is a file that no earlier source has. */
bool train_config_is_first(const struct train_config *config, size_t phase, size_t source);

#endif
