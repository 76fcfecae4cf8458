/* predictor.h - how good each model's answer to a prompt will be, from the prompt's text alone.
 *
 * A predictor is a file of weights that `fulcrum router train` wrote (weights.h has its format), or one of those that
 * are part of the program. Opened, it never changes: any number of threads may ask it, without a lock and without an
 * allocation, in less than 100 microseconds. */
#ifndef ROUTE_PREDICTOR_H
#define ROUTE_PREDICTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"
#include "route/prompt.h"

#define PREDICTOR_MODELS_MAX 16     /* that one predictor knows */
#define PREDICTOR_CANDIDATES_MAX 32 /* that are asked for at once */
#define PREDICTOR_GENERAL "general"
#define PREDICTOR_DESK "desk"
#define PREDICTOR_NAME_MAX 128      /* bytes of a model's name */

/* Above this uncertainty a prediction says next to nothing: who routes takes the stronger model. */
#define PREDICTOR_UNSURE 0.25f
/* Below this familiarity a prompt is about other matters than training was. */
#define PREDICTOR_FAMILIAR 0.75f

struct predictor;

/* What can go wrong with a file: it is not there or can't be read (ERROR_IO), it is no predictor, of a later version,
 * cut short or damaged (ERROR_INVALID). Messages name the file. */
enum error_code predictor_open(const char *path, struct predictor **predictor, struct error *error) WARN_UNUSED;
/* PREDICTOR_GENERAL: questions of many subjects, a weak and a strong model. PREDICTOR_DESK: a support desk, the
 * embedded pair. ERROR_NOT_FOUND for other names. */
enum error_code predictor_open_builtin(const char *name, struct predictor **predictor, struct error *error) WARN_UNUSED;
/* From bytes; `name` stands in messages. */
enum error_code predictor_parse(struct str bytes, const char *name, struct predictor **predictor,
                                struct error *error) WARN_UNUSED;
void predictor_free(struct predictor *predictor); /* NULL is legal */

/* Models of the file, from the weakest on. */
size_t predictor_model_count(const struct predictor *predictor);
struct str predictor_model(const struct predictor *predictor, size_t index);
bool predictor_knows(const struct predictor *predictor, struct str model);

/* Quality over cost on rows held out, from all prompts to the weakest model to all to the strongest. */
#define PREDICTOR_CURVE_MAX 21
struct predictor_curve {
    uint32_t count; /* 0: the file is of a program that kept none */
    struct predictor_point {
        float strong_share, quality, cost; /* cost: of always asking the strongest */
        float tolerance;                   /* of a router that decides so, 0 to 1 */
    } points[PREDICTOR_CURVE_MAX];
};

/* What it stands on. */
struct predictor_facts {
    uint64_t rows;            /* of training */
    float calibration_error;  /* mean distance of predicted and real quality, on rows held out */
    float auc, auc_low, auc_high; /* of 'the weakest model is right', on rows held out, with its 95% interval */
    struct predictor_curve curve;
};
void predictor_facts(const struct predictor *predictor, struct predictor_facts *facts);

/* The chance that an answer is right of which the model was so sure (certainty.h), to a prompt whose text predicted
 * such a quality. False: the file doesn't know that of the model, and *chance is the confidence as it is. */
bool predictor_chance(const struct predictor *predictor, struct str model, double confidence, double quality,
                      double *chance);
uint32_t predictor_chance_rows(const struct predictor *predictor, struct str model); /* that it stands on; 0: unknown */

/* --- candidates --- */

/* `strength` orders candidates that the predictor doesn't know: the price of a token, or anything that grows with the
 * size of a model. */
struct predictor_candidate {
    struct str name;
    double strength;
};

/* Which of the predictor's models stand for a candidate: its own, or for a name that is not in the file a mix of two by
 * its place in the order of strength (the weakest candidate stands for the weakest model, the strongest for the
 * strongest). */
struct predictor_bound {
    size_t count;
    struct predictor_place {
        bool is_known;
        uint8_t lower, upper; /* models of the predictor */
        float upper_share;    /* 0: lower alone */
    } places[PREDICTOR_CANDIDATES_MAX];
};

/* Made once per router. ERROR_INVALID: no candidates, or more than PREDICTOR_CANDIDATES_MAX. Candidates that are all
 * unknown are no error; `is_known` says so. */
enum error_code predictor_bind(const struct predictor *predictor, const struct predictor_candidate *candidates,
                               size_t count, struct predictor_bound *bound, struct error *error) WARN_UNUSED;

/* --- the question --- */

struct prediction {
    float quality;     /* the probability that the answer is good enough; calibrated, 0 to 1 */
    float uncertainty; /* its standard deviation, 0 to 0.5: how much the predictor may be off for this prompt */
    float familiarity; /* share of the user's words that training has seen, 0 to 1 */
};

/* The uncertainty of a chance whose log odds have such a variance. */
float predictor_deviation(float odds, float variance);
/* Fills predictions[0 .. bound->count) in one pass over the text. */
void predictor_ask(const struct predictor *predictor, const struct predictor_bound *bound,
                   const struct route_prompt *prompt, struct prediction *predictions);
/* The same where the prompt has been read already (features.h). */
struct features;
void predictor_ask_features(const struct predictor *predictor, const struct predictor_bound *bound,
                            const struct features *features, struct prediction *predictions);

#endif
