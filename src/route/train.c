/* train.c - see train.h. */
#include "route/train.h"

#include <string.h>

#include "core/util.h"
#include "route/baselines.h"
#include "route/certainty.h"
#include "route/fit.h"
#include "route/spread.h"

#define ROWS_MIN 50
#define FILE_BYTES_MAX (4u << 20)
#define VARIANCE_MAX 1.4 /* of log odds: more would say next to nothing of any prompt, whatever its words */
#define VARIANCE_ROUNDS 20
#define COMMON_SHARE 0.15 /* of the variance of answers, that predictions commonly miss */
#define LEAST_SHARE 0.005

enum method { ROUTER, CHEAP, STRONG, RANDOM, SINGLE, SUBJECT, WORDS, NEIGHBOUR, ORACLE };

static const char *const names[TRAIN_METHODS] = {"router", "always_cheap", "always_strong", "random_mix", "best_single",
                                                 "subject_mean", "bag_of_words", "tfidf_neighbours", "oracle"};

/* What is tried, one after the other, each with the best of those before. */
static const struct fit_options first_options = {.l2 = 2, .scale = 0.1F, .kinship = 2};
static const float penalties[] = {0.7F, 6, 20}, kinships[] = {0, 4}, scales[] = {0.05F, 0.2F};

struct rows {
    size_t *at;
    size_t count;
};

static bool collect(const struct samples *samples, int without, struct rows *rows)
{
    rows->at = mem_alloc(samples->count * sizeof(*rows->at));
    rows->count = 0;
    for (size_t i = 0; rows->at && i < samples->count; i++)
        if (samples->folds[i] != without)
            rows->at[rows->count++] = i;
    return rows->at != NULL;
}

/* --- one fit, with options chosen inside --- */

struct made {
    struct fit fit;
    struct fit_options options;
    struct calibration all[PREDICTOR_MODELS_MAX], alone[PREDICTOR_MODELS_MAX];
    double alone_spread, variance; /* of log odds, of a prompt of strange words: by how it is built; by its words */
    float *scores; /* [rows of the samples] */
};

static void score_rows(const struct sparse *matrix, const float *weights, const struct rows *rows, float *scores)
{
    for (size_t i = 0; i < rows->count; i++)
        scores[rows->at[i]] = (float)logistic_score(matrix, rows->at[i], weights);
}

static double loss_on(const struct calibration *calibration, const float *scores, const float *targets,
                      const struct rows *rows)
{
    double loss = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const double target = targets[rows->at[i]];
        const double chance = sigmoid(calibration->slope * scores[rows->at[i]] + calibration->offset);
        if (!isnan(target))
            loss -= target * log(fmax(chance, 1e-9)) + (1 - target) * log(fmax(1 - chance, 1e-9));
    }
    return loss;
}

/* Keeps the options where their predictions of the weakest model's quality lose less on the judging rows. */
static bool try_options(const struct samples *samples, const struct rows *learning, const struct rows *judging,
                        struct fit_options options, struct made *made, double *best)
{
    struct calibration calibration;
    if (!fit_choose(&made->fit, options) || !fit_model(&made->fit, samples, learning->at, learning->count, 0))
        return false;
    score_rows(&made->fit.all, made->fit.weights[0], judging, made->scores);
    calibrate(made->scores, samples->quality[0], judging->at, judging->count, &calibration);
    const double loss = loss_on(&calibration, made->scores, samples->quality[0], judging);
    if (loss < *best) {
        *best = loss;
        made->options = options;
    }
    return true;
}

static bool choose_options(const struct samples *samples, const struct rows *learning, const struct rows *judging,
                           struct made *made)
{
    double best = INFINITY;
    bool fits = try_options(samples, learning, judging, first_options, made, &best);
    for (size_t i = 0; fits && i < 3; i++) {
        struct fit_options options = first_options;
        options.l2 = penalties[i];
        fits = try_options(samples, learning, judging, options, made, &best);
    }
    const float l2 = made->options.l2;
    for (size_t i = 0; fits && i < 2; i++)
        fits = try_options(samples, learning, judging,
                           (struct fit_options){l2, first_options.scale, kinships[i]}, made, &best);
    const float kinship = made->options.kinship;
    for (size_t i = 0; fits && i < 2; i++)
        fits = try_options(samples, learning, judging, (struct fit_options){l2, scales[i], kinship}, made, &best);
    return fits;
}

/* What a subject is like that nothing is known of but how its prompts are built. */
static void add_spread(const struct samples *samples, size_t model, const struct rows *judging, struct made *made)
{
    const struct calibration *by = &made->alone[model];
    for (size_t i = 0; i < judging->count; i++) {
        float *score = &made->scores[judging->at[i]];
        *score = (float)sigmoid(by->slope * *score + by->offset);
    }
    made->alone_spread += measure_subject_spread(samples, made->scores, samples->quality[model], judging->at,
                                                 judging->count) / (double)samples->model_count;
}

static float odds_of(const struct made *made, size_t model, size_t row)
{
    return made->all[model].slope * made->scores[row] + made->all[model].offset;
}

/* `found` has such an error, `tossed` is the variance of answers. More than common is not believed: where chances do
 * not follow words, pairs of rows that have little in common promise too much. Of few rows little is found: then it is
 * what is common and as much again, so that little knowledge is not taken for sureness. */
static double believed(double found, double error, double tossed)
{
    const double common = COMMON_SHARE * tossed + 1e-9, habit = common * common;
    const double share = isinf(error) ? 0 : habit / (habit + error * error);
    const double measured = fmin(fmax(LEAST_SHARE * tossed, found), common);
    return fmin(share * measured + (1 - share) * common + sqrt(habit * (1 - share)), tossed);
}

/* What predictions of the judging rows are off by, in the mean of squares: what is not predicted of how much chances
 * differ. */
static double missed_of(const struct samples *samples, size_t model, const struct rows *judging,
                        const struct made *made, const struct spread *spread)
{
    double rows = 0, target = 0, chance = 0, chances = 0, both = 0;
    for (size_t i = 0; i < judging->count; i++) {
        const size_t row = judging->at[i];
        const double found = (double)samples->quality[model][row];
        const double predicted = sigmoid((double)odds_of(made, model, row));
        if (isnan(found))
            continue;
        rows++;
        target += found;
        chance += predicted;
        chances += predicted * predicted;
        both += predicted * found;
    }
    rows = fmax(1, rows);
    target /= rows;
    chance /= rows;
    const double predicted = 2 * (both / rows - target * chance) - (chances / rows - chance * chance);
    const double tossed = target * (1 - target);
    return believed(spread->variance - predicted, spread->error, tossed);
}

/* The variance of the log odds of a row of strange words that makes the uncertainties, in the mean of squares, what is
 * missed; which rows are off by more is told by how strange they are. */
static double variance_of(const struct made *made, size_t model, const struct rows *judging, const float *spoken,
                          double missed)
{
    double low = 0, high = VARIANCE_MAX;
    for (unsigned round = 0; round < VARIANCE_ROUNDS; round++) {
        const double middle = (low + high) / 2;
        double sum = 0;
        for (size_t i = 0; i < judging->count; i++) {
            const size_t row = judging->at[i];
            const double strange = fit_strangeness(&made->fit, row, spoken);
            const double said = (double)predictor_deviation(odds_of(made, model, row), (float)(middle * strange));
            sum += said * said;
        }
        *(sum < missed * (double)judging->count ? &low : &high) = middle;
    }
    return high;
}

/* Of the model whose scores made->scores are. */
static bool add_variance(const struct samples *samples, size_t model, const struct rows *learning,
                         const struct rows *judging, const struct rows *rows, struct made *made)
{
    struct spread spread;
    float *spoken = mem_alloc(FEATURES_BUCKETS * sizeof(*spoken));
    if (!spoken || !spread_measure(&made->fit.all, FEATURES_BUCKETS, rows->at, rows->count, samples->quality[model],
                                   &spread)) {
        mem_free(spoken);
        return false;
    }
    fit_spoken(&made->fit, learning->at, learning->count, model, spoken);
    const double missed = missed_of(samples, model, judging, made, &spread);
    made->variance += variance_of(made, model, judging, spoken, missed) / (double)samples->model_count;
    mem_free(spoken);
    return true;
}

/* With the options chosen: calibrations of all models on the judging rows. */
static bool calibrate_models(const struct samples *samples, const struct rows *learning, const struct rows *judging,
                             const struct rows *rows, struct made *made)
{
    bool fits = fit_choose(&made->fit, made->options);
    for (size_t model = 0; fits && model < samples->model_count; model++) {
        fits = fit_model(&made->fit, samples, learning->at, learning->count, model) &&
               fit_alone(&made->fit, samples, learning->at, learning->count, model);
        if (!fits)
            break;
        score_rows(&made->fit.all, made->fit.weights[model], judging, made->scores);
        calibrate(made->scores, samples->quality[model], judging->at, judging->count, &made->all[model]);
        if (!add_variance(samples, model, learning, judging, rows, made))
            return false;
        score_rows(&made->fit.alone, made->fit.alone_weights[model], judging, made->scores);
        calibrate(made->scores, samples->quality[model], judging->at, judging->count, &made->alone[model]);
        add_spread(samples, model, judging, made);
    }
    return fits;
}

static bool fit_whole(const struct samples *samples, const struct rows *rows, struct made *made)
{
    bool fits = fit_begin(&made->fit, samples, rows->at, rows->count) && fit_choose(&made->fit, made->options);
    for (size_t model = 0; fits && model < samples->model_count; model++)
        fits = fit_model(&made->fit, samples, rows->at, rows->count, model) &&
               fit_alone(&made->fit, samples, rows->at, rows->count, model);
    return fits;
}

/* All three steps on `rows`; those of fold `judge` among them judge. made_deinit is due either way. */
static bool make(const struct samples *samples, const struct rows *rows, int judge, struct made *made)
{
    struct rows learning = {0}, judging = {0};
    *made = (struct made){.scores = mem_calloc(samples->count, sizeof(*made->scores)), .options = first_options};
    learning.at = mem_alloc(rows->count * sizeof(*learning.at));
    judging.at = mem_alloc(rows->count * sizeof(*judging.at));
    bool fits = made->scores && learning.at && judging.at;
    for (size_t i = 0; fits && i < rows->count; i++) {
        struct rows *side = samples->folds[rows->at[i]] == judge ? &judging : &learning;
        side->at[side->count++] = rows->at[i];
    }
    fits = fits && fit_begin(&made->fit, samples, learning.at, learning.count) &&
           choose_options(samples, &learning, &judging, made) &&
           calibrate_models(samples, &learning, &judging, rows, made);
    fit_deinit(&made->fit);
    fits = fits && fit_whole(samples, rows, made);
    mem_free(learning.at);
    mem_free(judging.at);
    return fits;
}

static struct route_weights *round_made(const struct samples *samples, const struct rows *rows, struct made *made)
{
    struct route_weights *weights = fit_round(&made->fit, samples, rows->at, rows->count, made->all, made->alone);
    if (weights) {
        weights->alone_spread = (float)made->alone_spread;
        weights->variance = (float)made->variance;
    }
    return weights;
}

static void made_deinit(struct made *made)
{
    fit_deinit(&made->fit);
    mem_free(made->scores);
}

/* --- folds --- */

static bool predict_baselines(const struct samples *samples, int fold, struct train_report *report)
{
    struct rows rows;
    if (!collect(samples, fold, &rows))
        return false;
    const struct baseline_split split = {samples, rows.at, rows.count, (uint8_t)fold};
    baseline_subject_mean(&split, report->methods[SUBJECT].predicted);
    const bool fits = baseline_bag_of_words(&split, report->methods[WORDS].predicted) &&
                      baseline_neighbours(&split, report->methods[NEIGHBOUR].predicted);
    mem_free(rows.at);
    return fits;
}

static void copy_features(const struct samples *samples, size_t row, struct features *features)
{
    const struct sparse *buckets = &samples->buckets, *words = &samples->words;
    features->count = buckets->starts[row + 1] - buckets->starts[row];
    for (size_t i = 0; i < features->count; i++)
        features->buckets[i] = (uint16_t)buckets->places[buckets->starts[row] + i];
    features->word_count = words->starts[row + 1] - words->starts[row];
    features->system_words = features->word_count - samples->user_words[row];
    for (size_t i = 0; i < features->word_count; i++)
        features->words[i] = (uint16_t)words->places[words->starts[row] + i];
    memcpy(features->built, samples->built + row * FEATURES_BUILT, sizeof(features->built));
}

/* The rows of one fold, or with fold -1 all of them. */
static bool predict_rows(const struct samples *samples, int fold, const struct predictor *predictor,
                         const struct predictor_bound *bound, struct train_report *report)
{
    struct features *features = mem_alloc(sizeof(*features));
    for (size_t i = 0; features && i < samples->count; i++) {
        struct prediction predictions[PREDICTOR_CANDIDATES_MAX];
        if (fold >= 0 && samples->folds[i] != fold)
            continue;
        copy_features(samples, i, features);
        predictor_ask_features(predictor, bound, features, predictions);
        for (size_t model = 0; model < samples->model_count; model++) {
            report->methods[ROUTER].predicted[model][i] = predictions[model].quality;
            report->uncertainty[model][i] = predictions[model].uncertainty;
        }
    }
    const bool fits = features != NULL;
    mem_free(features);
    return fits;
}

static enum error_code bind_models(const struct samples *samples, const struct predictor *predictor,
                                   struct predictor_bound *bound, struct error *error)
{
    struct predictor_candidate candidates[PREDICTOR_MODELS_MAX];
    for (size_t i = 0; i < samples->model_count; i++) {
        candidates[i] = (struct predictor_candidate){samples->models[i], (double)i};
        if (!predictor_knows(predictor, samples->models[i]))
            return error_set(error, ERROR_NOT_FOUND, "the rows tell the quality of " STR_FMT ", which the predictor "
                             "does not know; train it again with rows of that model", STR_ARG(samples->models[i]));
    }
    return predictor_bind(predictor, candidates, samples->model_count, bound, error);
}

/* By the file that these rows would have given, as it would be served. */
static bool predict_by(const struct samples *samples, int fold, const struct route_weights *weights,
                       struct train_report *report)
{
    struct predictor *predictor = NULL;
    struct predictor_bound bound;
    struct error error;
    struct buf file;
    buf_init(&file, FILE_BYTES_MAX);
    const bool fits = route_weights_write(weights, &file) &&
                      predictor_parse(buf_str(&file), "a fold's predictor", &predictor, &error) == OK &&
                      bind_models(samples, predictor, &bound, &error) == OK &&
                      predict_rows(samples, fold, predictor, &bound, report);
    predictor_free(predictor);
    buf_deinit(&file);
    return fits;
}

static bool predict_fold(const struct samples *samples, int fold, struct train_report *report)
{
    struct rows rows;
    struct made made;
    struct route_weights *weights = NULL;
    if (!collect(samples, fold, &rows))
        return false;
    if (make(samples, &rows, (fold + 1) % SAMPLES_FOLDS, &made))
        weights = round_made(samples, &rows, &made);
    const bool fits = weights && predict_by(samples, fold, weights, report);
    route_weights_free(weights);
    made_deinit(&made);
    mem_free(rows.at);
    return fits && predict_baselines(samples, fold, report);
}

static void predict_oracle(const struct samples *samples, struct train_report *report)
{
    for (size_t model = 0; model < samples->model_count; model++)
        for (size_t i = 0; i < samples->count; i++) {
            const float quality = samples->quality[model][i];
            report->methods[ORACLE].predicted[model][i] = isnan(quality) ? 0.5F : quality;
        }
}

/* --- the report --- */

static bool report_begin(const struct samples *samples, struct train_report *report)
{
    *report = (struct train_report){.samples = samples, .method_count = TRAIN_METHODS};
    for (size_t model = 0; model < samples->model_count; model++)
        if (!(report->uncertainty[model] = mem_calloc(samples->count, sizeof(float))))
            return false;
    for (size_t i = 0; i < TRAIN_METHODS; i++) {
        report->methods[i].name = names[i];
        const bool predicts = i == ROUTER || i == SUBJECT || i == WORDS || i == NEIGHBOUR || i == ORACLE;
        for (size_t model = 0; predicts && model < samples->model_count; model++) {
            report->methods[i].predicted[model] = mem_calloc(samples->count, sizeof(float));
            if (!report->methods[i].predicted[model])
                return false;
        }
    }
    return true;
}

static size_t best_single(const struct samples *samples)
{
    struct curve best, other;
    size_t single = 0;
    for (size_t i = 1; i < samples->model_count; i++) {
        measure_single(samples, single, &best);
        measure_single(samples, i, &other);
        if (other.points[0].quality > best.points[0].quality)
            single = i;
    }
    return single;
}

static enum error_code measure_method(const struct samples *samples, enum method which, uint64_t seed,
                                      struct train_report *report, struct error *error)
{
    struct train_method *method = &report->methods[which];
    const float *weak = samples->quality[0];
    method->auc = (struct interval){0.5, 0.5, 0.5};
    if (method->predicted[0]) {
        if (measure_curve(samples, method->predicted, &method->curve, error))
            return error->code;
        method->auc = measure_auc(method->predicted[0], weak, samples->count, seed);
        method->gain = measure_auc_gain(report->methods[ROUTER].predicted[0], method->predicted[0], weak,
                                        samples->count, seed);
    } else if (which == RANDOM) {
        measure_random(samples, &method->curve);
    } else {
        measure_single(samples, which == CHEAP ? 0 : which == STRONG ? samples->model_count - 1 : best_single(samples),
                       &method->curve);
    }
    method->apgr = measure_apgr(samples, &method->curve);
    method->calls_50 = measure_calls(samples, &method->curve, 0.5);
    method->calls_80 = measure_calls(samples, &method->curve, 0.8);
    return OK;
}

/* `predictor`: that is measured; NULL: what the folds have found. */
static enum error_code measure_all(const struct samples *samples, const struct predictor *predictor, uint64_t seed,
                                   struct train_report *report, struct error *error)
{
    for (size_t model = 0; model < samples->model_count; model++)
        report->calibration_error += measure_calibration_error(report->methods[ROUTER].predicted[model],
                                                               samples->quality[model], samples->count) /
                                     (double)samples->model_count;
    for (size_t i = 0; i < report->method_count; i++)
        if (measure_method(samples, (enum method)i, seed, report, error))
            return error->code;
    const struct train_method *router = &report->methods[ROUTER];
    const bool fits = coverage_measure(samples, router->predicted, report->uncertainty, &report->coverage) &&
                      saving_by_text(samples, router->predicted, seed, &report->saving) &&
                      escalation_predict(samples, router->predicted, predictor, &report->escalation) &&
                      (report->escalation.rows == 0 ||
                       escalation_measure(samples, &router->curve, seed, &report->escalation));
    return fits ? OK : error_no_memory(error);
}

void train_report_deinit(struct train_report *report)
{
    for (size_t i = 0; i < TRAIN_METHODS; i++)
        for (size_t model = 0; model < PREDICTOR_MODELS_MAX; model++)
            mem_free(report->methods[i].predicted[model]);
    for (size_t model = 0; model < PREDICTOR_MODELS_MAX; model++)
        mem_free(report->uncertainty[model]);
    escalation_deinit(&report->escalation);
    *report = (struct train_report){0};
}

/* --- training --- */

static void permute(struct samples *samples, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = samples->count; i > 1; i--) {
        const size_t other = rng_below(&rng, i);
        for (size_t model = 0; model < samples->model_count; model++) {
            const float quality = samples->quality[model][i - 1];
            samples->quality[model][i - 1] = samples->quality[model][other];
            samples->quality[model][other] = quality;
        }
    }
}

/* Rows have costs in any unit: the file has none. */
static void keep_curve(const struct curve *curve, struct predictor_curve *kept)
{
    const double whole = curve->points[curve->count - 1].cost;
    *kept = (struct predictor_curve){.count = (uint32_t)curve->count};
    for (size_t i = 0; i < curve->count; i++) {
        const struct curve_point *point = &curve->points[i];
        kept->points[i] = (struct predictor_point){(float)point->strong_share, (float)point->quality,
                                                   (float)(whole > 0 ? fmin(point->cost / whole, 1e6) : 0),
                                                   (float)measure_tolerance(curve, i)};
    }
}
_Static_assert(MEASURE_POINTS <= PREDICTOR_CURVE_MAX, "a whole curve fits into a predictor's file");

/* The file: options by one fold, calibration of the words by all five, as each row was predicted. */
static bool write_predictor(const struct samples *samples, uint64_t seed, const struct train_report *report,
                            struct buf *out)
{
    struct rows rows;
    struct made made;
    if (!collect(samples, -1, &rows))
        return false;
    struct route_weights *weights = NULL;
    const struct train_method *router = &report->methods[ROUTER];
    if (make(samples, &rows, 0, &made))
        weights = round_made(samples, &rows, &made);
    for (size_t i = 0; weights && i < samples->model_count; i++)
        certainty_fit(samples->confidence[i], router->predicted[i], samples->quality[i], rows.at, rows.count,
                      &weights->certainties[i]);
    made_deinit(&made);
    mem_free(rows.at);
    if (!weights)
        return false;
    weights->seed = seed;
    weights->facts = (struct predictor_facts){.rows = samples->count,
                                              .calibration_error = (float)report->calibration_error,
                                              .auc = (float)router->auc.value, .auc_low = (float)router->auc.low,
                                              .auc_high = (float)router->auc.high};
    keep_curve(&router->curve, &weights->facts.curve);
    const bool fits = route_weights_write(weights, out);
    route_weights_free(weights);
    return fits;
}

static enum error_code check_folds(const struct samples *samples, struct error *error)
{
    size_t rows[SAMPLES_FOLDS] = {0};
    for (size_t i = 0; i < samples->count; i++)
        rows[samples->folds[i]]++;
    if (samples->count < ROWS_MIN)
        return error_set(error, ERROR_INVALID, "%zu rows are too few to learn from; give at least %d", samples->count,
                         ROWS_MIN);
    for (size_t i = 0; i < SAMPLES_FOLDS; i++)
        if (rows[i] == 0)
            return error_set(error, ERROR_INVALID, "the rows have too few groups to hold some out; give at least %d "
                             "groups, better fifty", 2 * SAMPLES_FOLDS);
    return OK;
}

/* Of models that are always right, or never, nothing can be learnt; the strongest may well be one where it is what the
 * others are compared with. */
static enum error_code check_classes(const struct samples *samples, struct error *error)
{
    for (size_t model = 0; model < samples->model_count; model++) {
        const float *quality = samples->quality[model];
        float first = NAN;
        for (size_t i = 0; i < samples->count; i++) {
            if (!isnan(first) && !isnan(quality[i]) && quality[i] != first)
                return OK;
            first = isnan(first) ? quality[i] : first;
        }
    }
    return error_set(error, ERROR_INVALID, "the quality of each model is the same in all rows: there is nothing to "
                     "learn that tells them apart; give rows of prompts that some models answer well and some do not");
}

enum error_code route_train(struct samples *samples, const struct route_train_options *options, struct buf *out,
                            struct train_report *report, struct error *error)
{
    if (check_folds(samples, error) || check_classes(samples, error))
        return error->code;
    if (options->permutes_labels)
        permute(samples, options->seed);
    bool fits = report_begin(samples, report);
    for (int fold = 0; fits && fold < SAMPLES_FOLDS; fold++)
        fits = predict_fold(samples, fold, report);
    if (fits)
        predict_oracle(samples, report);
    enum error_code code = fits ? measure_all(samples, NULL, options->seed, report, error) : error_no_memory(error);
    if (!code && !options->only_measures && !write_predictor(samples, options->seed, report, out))
        code = error_no_memory(error);
    if (code)
        train_report_deinit(report);
    return code;
}

/* --- measuring a file --- */

enum error_code route_eval(const struct samples *samples, const struct predictor *predictor, uint64_t seed,
                           struct train_report *report, struct error *error)
{
    struct predictor_bound bound;
    if (check_folds(samples, error) || bind_models(samples, predictor, &bound, error))
        return error->code;
    bool fits = report_begin(samples, report) && predict_rows(samples, -1, predictor, &bound, report);
    for (int fold = 0; fits && fold < SAMPLES_FOLDS; fold++)
        fits = predict_baselines(samples, fold, report);
    if (fits)
        predict_oracle(samples, report);
    enum error_code code = fits ? measure_all(samples, predictor, seed, report, error) : error_no_memory(error);
    if (code)
        train_report_deinit(report);
    return code;
}
