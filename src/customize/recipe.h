/* recipe.h - hyperparameters of a job, and the recipe of `fulcrum train` that comes of them. Pure; any thread. */
#ifndef CUSTOMIZE_RECIPE_H
#define CUSTOMIZE_RECIPE_H

#include "core/buf.h"
#include "core/json.h"

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
    uint32_t synthetic;  /* syntheticPrompts: variants that the teacher is asked for; 0: none */
    uint64_t seed;
};

/* The request's hyperParameters, a map of strings; NULL: there is none. ERROR_INVALID names the key. */
enum error_code hyper_parse(yyjson_val *map, struct hyper *hyper, struct error *error) WARN_UNUSED;

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
    const char *rows, *held; /* files beside the recipe */
    uint32_t cpus;        /* that the trainer may use */
    struct hyper hyper;
    struct recipe_size size;
};

/* Steps that the training will have. */
uint64_t recipe_steps(const struct recipe *recipe);

/* The YAML text. */
bool recipe_append(struct buf *out, const struct recipe *recipe);

#endif
