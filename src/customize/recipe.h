/* recipe.h - hyperparameters of a job, and the recipe of `fulcrum train` that comes of them. Pure; any thread.
 *
 * A student from scratch learns to copy before it learns rows, as the embedded pair did (docs/MODELS.md, "What the runs
 * taught"): random characters, then random tokens, in steps of 2,048 tokens at the full rates of Muon; then the rows at
 * a part of these, with a little copying between them, so that it is not forgotten. */
#ifndef CUSTOMIZE_RECIPE_H
#define CUSTOMIZE_RECIPE_H

#include "core/buf.h"
#include "core/json.h"
#include "customize/scratch.h"

#define HYPER_CHOSEN UINT32_MAX

struct hyper {
    uint32_t epochs;     /* epochCount */
    uint32_t batch;      /* batchSize: rows of a step, about */
    double rate;         /* learningRate; 0: chosen by the size of the base model */
    uint32_t warm_up;    /* learningRateWarmupSteps; HYPER_CHOSEN: by the number of steps */
    uint32_t rank;       /* adapterRank; 0: all weights are trained */
    double alpha;        /* adapterAlpha; 0: twice the rank */
    bool trains_embedding; /* trainEmbedding */
    uint32_t length;     /* maxLength: tokens of a row at most; longer ones are left out */
    double held;         /* validationShare: of the rows, where no validation data is given */
    /* softLabels: the teacher's distributions are learnt besides its answers. The rest as the recipe's key has it. */
    bool is_soft;
    double soft_temperature, soft_weight; /* softTemperature, softWeight; 0: the trainer's own */
    uint32_t soft_top;                    /* softTop; HYPER_CHOSEN: the trainer's own */
    uint32_t synthetic;  /* syntheticPrompts: variants that the teacher is asked for; 0: none */
    uint32_t layers;     /* studentLayers: of the base that stay; 0: all */
    uint32_t vocabulary; /* studentVocabulary: tokens at most; 0: all of the base's */
    uint32_t copying;    /* copyingTokens: of warm-up of a model from scratch */
    bool has_fresh_values; /* freshValues: what an answer copies from its prompt is other in each epoch */
    uint64_t seed;
};

/* The request's hyperParameters, a map of strings; NULL: there is none. ERROR_INVALID names the key. */
enum error_code hyper_parse(yyjson_val *map, struct hyper *hyper, struct error *error) WARN_UNUSED;
/* The same for a student from scratch, which wants more epochs and a warm-up. */
enum error_code hyper_parse_scratch(yyjson_val *map, struct hyper *hyper, struct error *error) WARN_UNUSED;
/* Whether they go with what the student begins as: `scratch`, or where that is NULL a model of `layers` layers (0: not
 * known yet). */
enum error_code hyper_check(const struct hyper *hyper, const struct scratch *scratch, uint32_t layers,
                            struct error *error) WARN_UNUSED;

/* Whether what is trained is a part of the base, to be kept whole: an adapter is written into it. */
bool hyper_is_pruned(const struct hyper *hyper);
/* Whether what comes of it stands beside its base. */
bool hyper_is_adapter(const struct hyper *hyper);

/* What the files hold, in tokens of the base model. */
struct recipe_size {
    uint64_t tokens; /* of all rows of the training file */
    uint64_t rows;
    uint32_t longest; /* row of either file */
    uint64_t held;    /* rows of the other file; 0: there is none */
    uint64_t base_bytes;
};

struct recipe {
    struct str name;      /* of the model file */
    struct str base;      /* path */
    const struct scratch *scratch; /* what it begins as instead; NULL: with the base */
    const char *rows, *held; /* files beside the recipe */
    struct str teacher, teacher_adapter; /* paths, with hyper.is_soft; the adapter's may be empty */
    uint32_t cpus;        /* that the trainer may use */
    struct hyper hyper;
    struct recipe_size size;
};

/* Steps that the training will have, and how many of them before the first row. */
uint64_t recipe_steps(const struct recipe *recipe);
uint64_t recipe_copying_steps(const struct recipe *recipe);

/* The YAML text. */
bool recipe_append(struct buf *out, const struct recipe *recipe);
/* Of one by which `fulcrum train --count` counts the rows of both files in the student's tokens; without size. */
bool recipe_append_count(struct buf *out, const struct recipe *recipe, bool has_held);
/* Of one by which `fulcrum train --check` looks whether the teacher fits the base. */
bool recipe_append_check(struct buf *out, const struct recipe *recipe);

#endif
