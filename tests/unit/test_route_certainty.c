/* test_route_certainty.c - from confidence to the chance of being right: the map, its place in a predictor's file, and
 * what making doubtful answers again is worth. */
#include "support.h"

#include <math.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "route/certainty.h"
#include "route/report.h"
#include "route/sparse.h"
#include "route/train.h"

#define ROWS 4000

struct rows {
    float confidence[ROWS], quality[ROWS], target[ROWS];
    size_t picked[ROWS];
};

static double logit(double chance)
{
    return log(chance / (1 - chance));
}

/* Right with a chance of sigmoid(slope * logit(confidence) + text * logit(quality) + offset). */
static void plant(struct rows *rows, double slope, double text, double offset)
{
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t i = 0; i < ROWS; i++) {
        const double confidence = 1 - pow(10, -4 * rng_unit(&rng)) * 0.99, quality = 0.2 + 0.7 * rng_unit(&rng);
        rows->confidence[i] = (float)confidence;
        rows->quality[i] = (float)quality;
        rows->target[i] = rng_unit(&rng) < sigmoid(slope * logit(confidence) + text * logit(quality) + offset);
        rows->picked[i] = i;
    }
}

static struct certainty fit(const struct rows *rows, size_t count)
{
    struct certainty certainty;
    certainty_fit(rows->confidence, rows->quality, rows->target, rows->picked, count, &certainty);
    return certainty;
}

static void a_planted_map_is_found(void **state)
{
    (void)state;
    static const double maps[][3] = {{1, 0, 0}, {0.4, 0.8, -1}, {0.9, 0.3, -3}, {2, 1, 1}};
    static struct rows rows;
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        const double *map = maps[i];
        plant(&rows, map[0], map[1], map[2]);
        const struct certainty certainty = fit(&rows, ROWS);
        assert_int_equal(certainty.rows, ROWS);
        assert_true(certainty_is_sound(&certainty));
        for (double confidence = 0.05; confidence < 1; confidence += 0.1) {
            const double wanted = sigmoid(map[0] * logit(confidence) + map[1] * logit(0.6) + map[2]);
            const double found = certainty_chance(&certainty, confidence, 0.6);
            if (fabs(found - wanted) > 0.06)
                fail_msg("map %zu, confidence %g: %g instead of %g", i, confidence, found, wanted);
        }
    }
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    static struct rows rows;
    plant(&rows, 0.5, 0.5, 0);
    const struct certainty all = fit(&rows, ROWS / 2);
    for (size_t i = ROWS / 2; i < ROWS; i++)
        *(i % 2 ? &rows.confidence[i] : &rows.target[i]) = NAN;
    const struct certainty same = fit(&rows, ROWS);
    assert_memory_equal(&all, &same, sizeof(all));
}

/* Without a map confidence is what it is; and a map never turns the order round. */
static void too_little_gives_no_map(void **state)
{
    (void)state;
    static struct rows rows;
    plant(&rows, 1, 0, 0);
    const struct certainty few = fit(&rows, CERTAINTY_ROWS_MIN - 1);
    assert_int_equal(few.rows, 0);
    assert_true(certainty_chance(&few, 0.3, 0.9) == 0.3);
    for (size_t i = 0; i < ROWS; i++)
        rows.target[i] = i >= CERTAINTY_KIND_MIN - 1;
    assert_int_equal(fit(&rows, ROWS).rows, 0); /* all but all are right */
    for (size_t i = 0; i < ROWS; i++)
        rows.target[i] = rows.confidence[i] < 0.5F;
    const struct certainty turned = fit(&rows, ROWS);
    assert_true(turned.rows > 0 && certainty_chance(&turned, 0.9, 0.5) >= certainty_chance(&turned, 0.1, 0.5));
}

static void ends_are_chances_too(void **state)
{
    (void)state;
    const struct certainty steep = {.slope = 20, .text = -20, .offset = 20, .rows = 100};
    static const double ends[] = {0, 1e-300, 0.5, 1 - 1e-16, 1};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            const double chance = certainty_chance(&steep, ends[i], ends[j]);
            assert_true(chance >= 0 && chance <= 1);
        }
    const struct certainty wrong[] = {{.slope = -1}, {.text = NAN}, {.offset = INFINITY}, {.slope = 1e9F}};
    for (size_t i = 0; i < 4; i++)
        assert_false(certainty_is_sound(&wrong[i]));
}

/* --- training --- */

#define TRAINED_ROWS 1500

/* The text says little of whether the small model is right, its confidence much; the large one nearly always is. */
static void write_rows(struct buf *text, bool tells_confidence)
{
    struct rng rng;
    rng_seed(&rng, 3);
    buf_init(text, 4 << 20);
    for (unsigned i = 0; i < TRAINED_ROWS; i++) {
        const bool is_long = rng_below(&rng, 2);
        const double knows = rng_unit(&rng) < (is_long ? 0.6 : 0.8) ? 0.95 : 0.15;
        const double confidence = fmin(1, fmax(0, knows + 0.2 * (rng_unit(&rng) - 0.5)));
        buf_appendf(text, "{\"prompt\":\"Say %u%s\",\"quality\":{\"small\":%d,\"large\":%d},\"cost\":{\"small\":1,"
                          "\"large\":12}", i, is_long ? " and explain at length why" : "", rng_unit(&rng) < knows,
                    rng_unit(&rng) < 0.93);
        if (tells_confidence)
            buf_appendf(text, ",\"confidence\":{\"small\":%g,\"nobody\":0.5}", confidence);
        buf_append_text(text, "}\n");
    }
}

struct trained {
    struct buf text, file;
    struct samples samples;
    struct train_report report;
};

static void train(struct trained *trained, bool tells_confidence)
{
    struct error error;
    write_rows(&trained->text, tells_confidence);
    buf_init(&trained->file, 4 << 20);
    assert_int_equal(samples_parse(buf_str(&trained->text), "data", 1, &trained->samples, &error), OK);
    assert_int_equal(trained->samples.model_count, 2); /* of whose quality no row speaks is no model */
    const struct route_train_options options = {.seed = 1};
    assert_int_equal(route_train(&trained->samples, &options, &trained->file, &trained->report, &error), OK);
}

static void untrain(struct trained *trained)
{
    train_report_deinit(&trained->report);
    samples_deinit(&trained->samples);
    buf_deinit(&trained->text);
    buf_deinit(&trained->file);
}

static void check_curve(const struct escalation *escalation)
{
    const struct curve *curve = &escalation->curve;
    assert_int_equal(curve->count, MEASURE_POINTS);
    for (size_t i = 0; i < curve->count; i++) {
        const struct curve_point *point = &curve->points[i];
        assert_true(fabs(point->cost - (1 + 12 * point->strong_share)) < 1e-6); /* both are paid */
        assert_true(point->strong_share <= (double)i / (MEASURE_POINTS - 1) + 1e-9);
        assert_true(i == 0 || escalation->below[i] >= escalation->below[i - 1]);
    }
    assert_true(curve->points[0].strong_share == 0);
}

static void doubt_is_worth_more_than_text(void **state)
{
    (void)state;
    struct trained trained;
    struct predictor *predictor;
    struct train_report again;
    struct error error;
    double sure, unsure;
    train(&trained, true);
    const struct escalation *escalation = &trained.report.escalation;
    assert_int_equal(escalation->rows, TRAINED_ROWS);
    assert_true(escalation->is_learnt);
    assert_true(escalation->auc.low > trained.report.methods[0].auc.high);
    assert_true(escalation->calibration_error < 0.1);
    assert_true(escalation->least_gain >= 0);
    check_curve(escalation);

    assert_int_equal(predictor_parse(buf_str(&trained.file), "made", &predictor, &error), OK);
    assert_int_equal(predictor_chance_rows(predictor, STR("small")), TRAINED_ROWS);
    assert_int_equal(predictor_chance_rows(predictor, STR("large")), 0);
    assert_true(predictor_chance(predictor, STR("small"), 0.97, 0.7, &sure) && sure > 0.85);
    assert_true(predictor_chance(predictor, STR("small"), 0.1, 0.7, &unsure) && unsure < 0.35);
    assert_false(predictor_chance(predictor, STR("large"), 0.1, 0.7, &unsure));
    assert_true(unsure == 0.1);
    assert_int_equal(route_eval(&trained.samples, predictor, 1, &again, &error), OK);
    assert_int_equal(again.escalation.rows, TRAINED_ROWS);
    assert_false(again.escalation.is_learnt);
    assert_true(again.escalation.auc.value > 0.8);
    check_curve(&again.escalation);
    train_report_deinit(&again);
    predictor_free(predictor);
    untrain(&trained);
}

static void reports_tell_it(void **state)
{
    (void)state;
    for (int tells = 0; tells < 2; tells++) {
        struct trained trained;
        struct buf out;
        yyjson_doc *doc;
        struct error error;
        train(&trained, tells);
        buf_init(&out, 1 << 20);
        report_append_json(&out, &trained.report);
        assert_int_equal(json_parse(buf_str(&out), &doc, &error), OK);
        yyjson_val *root = yyjson_doc_get_root(doc), *curve = yyjson_obj_get(root, "escalate_curve");
        assert_int_equal(yyjson_arr_size(curve), tells ? MEASURE_POINTS : 0);
        assert_int_equal(yyjson_is_num(yyjson_obj_get(root, "escalate_least_gain")), tells);
        assert_int_equal(yyjson_is_num(yyjson_obj_get(yyjson_arr_get(curve, 3), "below")), tells);
        json_free(doc);
        buf_clear(&out);
        report_append_text(&out, &trained.report);
        assert_int_equal(strstr(out.data, "made again") != NULL, tells);
        buf_clear(&out);
        report_append_svg(&out, &trained.report);
        assert_int_equal(strstr(out.data, ">escalation<") != NULL, tells);
        buf_deinit(&out);
        untrain(&trained);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_map_is_found),       cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(too_little_gives_no_map),      cmocka_unit_test(ends_are_chances_too),
        cmocka_unit_test(doubt_is_worth_more_than_text), cmocka_unit_test(reports_tell_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
