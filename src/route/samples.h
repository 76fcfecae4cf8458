/* samples.h - rows of router data, read: features of each prompt, quality and cost of each model's answer.
 *
 * A row is a line of JSON: {"id", "prompt" or "messages", "system", "tools", "quality": {MODEL: 0..1}, "cost": {MODEL:
 * number}, "confidence": {MODEL: 0..1}, "group", "subject"}. Rows of one group are never on both sides of a split;
 * without one the same prompt is a group. A model's quality may be missing in a row: nobody knows it then. One thread.
 * */
#ifndef ROUTE_SAMPLES_H
#define ROUTE_SAMPLES_H

#include "core/mem.h"
#include "route/features.h"
#include "route/predictor.h"
#include "route/sparse.h"

#define SAMPLES_FOLDS 5

struct samples {
    size_t count, model_count, subject_count;
    struct str models[PREDICTOR_MODELS_MAX]; /* from the weakest on, by their mean quality */
    float *quality[PREDICTOR_MODELS_MAX];    /* [count]; NAN: not known */
    float *confidence[PREDICTOR_MODELS_MAX]; /* [count]; NAN: not known */
    float *cost[PREDICTOR_MODELS_MAX];       /* [count]; where no row says any: the model's place, 0 to 1 */
    struct sparse buckets, words;            /* [count][FEATURES_BUCKETS], the value is 1 */
    uint32_t *user_words;                    /* [count] words of `words` that the user's text has, the last ones */
    float *built;                            /* [count][FEATURES_BUILT] */
    uint32_t *subjects;                      /* [count]; UINT32_MAX: none */
    uint8_t *folds;                          /* [count] */
    bool has_costs;
    struct arena arena;                      /* owns the names */
};

/* Reads a file, or its text. `seed` deals the folds. Errors name file and line: a row that is none, a model too many
 * or without a name, a quality outside [0, 1]; an empty file; one model alone. *samples needs samples_deinit after
 * OK. Two rows with one "id" are an error, as is a model's name that stands twice in one member. */
enum error_code samples_read(const char *path, uint64_t seed, struct samples *samples, struct error *error) WARN_UNUSED;
enum error_code samples_parse(struct str text, const char *name, uint64_t seed, struct samples *samples,
                              struct error *error) WARN_UNUSED;
void samples_deinit(struct samples *samples);

/* The same row by row, for who has them from elsewhere. A row may have "features" (labels.h) in place of a prompt. */
struct samples_reader;
enum error_code samples_begin(uint64_t seed, struct samples_reader **reader, struct error *error) WARN_UNUSED;
/* `number`, above 0, is what the row is called should another have its ID; the error does not name it. */
enum error_code samples_add(struct samples_reader *reader, yyjson_val *row, size_t number,
                            struct error *error) WARN_UNUSED;
/* All rows were added: their samples. `name` stands in messages. Frees the reader either way; NULL `samples` does that
 * alone and gives OK. */
enum error_code samples_end(struct samples_reader *reader, const char *name, struct samples *samples,
                            struct error *error) WARN_UNUSED;

#endif
