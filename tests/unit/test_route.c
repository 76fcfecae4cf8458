/* Predictors: what is read of a prompt, files, training on planted rules, measures, damaged and empty inputs. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"
#include "route/features.h"
#include "route/kinship.h"
#include "route/measure.h"
#include "route/predictor.h"
#include "route/report.h"
#include "route/train.h"
#include "route/weights.h"

#define ROWS 900
#define DEALS 8
#define KIND_WORDS 20

static struct route_prompt prompt_of(const char *system, const char *user)
{
    struct route_prompt prompt = {.turns = 1};
    if (*system)
        prompt.system = (struct route_text){.slices = {str_of(system)}, .count = 1, .bytes = strlen(system)};
    prompt.user = (struct route_text){.slices = {str_of(user)}, .count = 1, .bytes = strlen(user)};
    return prompt;
}

/* --- features --- */

static bool has_all(const struct features *a, const struct features *b)
{
    for (size_t i = 0; i < a->count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < b->count && !is_there; j++)
            is_there = a->buckets[i] == b->buckets[j];
        if (!is_there)
            return false;
    }
    return true;
}

static void same_words_are_the_same_buckets(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"What ARE your Business Hours?", "what are your business hours"},
        {"order 12", "order 47"}, /* numbers count by their length */
        {"\xc3\x84rger \xc3\x9c" "ber", "\xc3\xa4rger \xc3\xbc" "ber"},
        {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
    };
    static struct features first, second;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct route_prompt one = prompt_of("", pairs[i][0]), other = prompt_of("", pairs[i][1]);
        features_read(&one, &first);
        features_read(&other, &second);
        assert_int_equal(first.count, second.count);
        assert_true(has_all(&first, &second));
    }
}

static void buckets_are_distinct_and_bounded(void **state)
{
    (void)state;
    static struct features features;
    static char text[200000];
    static uint8_t seen[FEATURES_BUCKETS];
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i + 1 < sizeof(text); i++) /* any bytes, broken UTF-8 among them */
        text[i] = (char)(1 + rng_below(&rng, 255));
    const struct route_prompt prompt = prompt_of(text, text);
    features_read(&prompt, &features);
    assert_true(features.count > 1000 && features.count <= FEATURES_MAX);
    assert_true(features.word_count <= FEATURES_WORDS && features.system_words <= features.word_count);
    for (size_t i = 0; i < features.count; i++)
        assert_int_equal(seen[features.buckets[i]]++, 0);
    for (size_t i = 0; i < FEATURES_BUILT; i++) {
        assert_true(isfinite(features.built[i]));
        assert_true(strlen(features_built_name(i)) > 0);
    }
}

static void a_system_text_has_buckets_of_its_own(void **state)
{
    (void)state;
    static struct features user, system;
    const struct route_prompt one = prompt_of("", "gravity"), other = prompt_of("gravity", "");
    features_read(&one, &user);
    features_read(&other, &system);
    assert_int_equal(user.count, system.count);
    assert_false(has_all(&user, &system));
    assert_int_equal(user.system_words, 0);
    assert_int_equal(system.system_words, 1);
}

/* --- rows --- */

static enum error_code row(const char *text, struct route_prompt *prompt, struct error *error)
{
    yyjson_doc *doc;
    assert_int_equal(json_parse(str_of(text), &doc, error), OK);
    enum error_code code = route_prompt_of_row(yyjson_doc_get_root(doc), prompt, error);
    json_free(doc);
    return code;
}

static void rows_are_read_as_requests_are(void **state)
{
    (void)state;
    struct route_prompt prompt;
    struct error error;
    assert_int_equal(row("{\"prompt\":\"abc\"}", &prompt, &error), OK);
    assert_int_equal(prompt.user.bytes, 3);
    assert_int_equal(row("{\"system\":\"sys\",\"tools\":[{},{}],"
                         "\"messages\":[{\"role\":\"user\",\"content\":\"first\"},"
                         "{\"role\":\"assistant\",\"content\":[{\"text\":\"ok\"}]},"
                         "{\"role\":\"user\",\"content\":[{\"text\":\"last\"},{\"image\":{}},{\"document\":{}}]}]}",
                         &prompt, &error), OK);
    assert_int_equal(prompt.user.bytes, 4);
    assert_int_equal(prompt.system.bytes, 3);
    assert_int_equal(prompt.history_bytes, 7);
    assert_int_equal(prompt.turns, 3);
    assert_int_equal(prompt.tools, 2);
    assert_int_equal(prompt.images, 1);
    assert_int_equal(prompt.documents, 1);
    static const char *const bad[] = {"{}", "{\"prompt\":3}", "{\"messages\":[]}",
                                      "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}",
                                      "{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
                                      "{\"messages\":[{\"role\":\"user\",\"content\":[7]}]}",
                                      "{\"prompt\":\"x\",\"system\":7}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(row(bad[i], &prompt, &error), ERROR_INVALID);
}

static void bad_data_is_refused_by_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "there are no rows in it"},
        {"\n\n", "there are no rows in it"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1}}\n", "one model alone"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1,\"n\":0}}\nnonsense\n", "data:2"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1.5,\"n\":0}}\n", "quality.m: expected a number from 0 to 1"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":\"good\",\"n\":0}}\n", "quality.m: expected a number, got a string"},
        {"{\"prompt\":\"a\"}\n", "data:1: quality"},
        {"{\"prompt\":\"a\",\"quality\":{\"\":1}}\n", "name"},
        {"[1]\n", "expected an object"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1,\"n\":0},\"cost\":{\"m\":-1}}\n", "cost.m"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1,\"n\":0},\"confidence\":{\"m\":2}}\n", "confidence.m: expected"},
        {"{\"prompt\":\"a\",\"quality\":{\"m\":1,\"n\":0},\"confidence\":1}\n", "confidence: expected an object"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct samples samples;
        struct error error;
        assert_int_equal(samples_parse(str_of(cases[i].text), "data", 1, &samples, &error), ERROR_INVALID);
        if (!strstr(error.message, cases[i].says))
            fail_msg("case %zu: %s", i, error.message);
    }
}

/* --- training --- */

/* Half of the prompts have a word that the small model can't do; the large one can do nearly all. */
static void plant(struct buf *text, uint64_t seed)
{
    static const char *const fillers[] = {"the shop", "my order", "a lamp", "this chair", "our garden",
                                          "your blue hat"};
    static const char *const hard[] = {"integral", "tort liability", "covenant"};
    struct rng rng;
    rng_seed(&rng, seed);
    buf_init(text, 4 << 20);
    for (unsigned i = 0; i < ROWS; i++) {
        const bool is_hard = rng_below(&rng, 2);
        const double small = is_hard ? 0.15 : 0.9, large = 0.92;
        const char *first = fillers[rng_below(&rng, 6)];
        const char *last = is_hard ? hard[rng_below(&rng, 3)] : fillers[rng_below(&rng, 6)];
        buf_appendf(text, "{\"id\":\"%u\",\"prompt\":\"Tell me %u things about %s and %s\",\"subject\":\"s%u\",", i, i,
                    first, last, i % 7);
        buf_appendf(text, "\"quality\":{\"large\":%d,\"small\":%d},\"cost\":{\"small\":1,\"large\":10}}\n",
                    rng_unit(&rng) < large, rng_unit(&rng) < small);
    }
}

struct trained {
    struct buf text, file;
    struct samples samples;
    struct train_report report;
};

static void train(struct trained *trained, const struct route_train_options *options)
{
    struct error error;
    plant(&trained->text, 11);
    buf_init(&trained->file, 4 << 20);
    assert_int_equal(samples_parse(buf_str(&trained->text), "data", options->seed, &trained->samples, &error), OK);
    if (route_train(&trained->samples, options, &trained->file, &trained->report, &error))
        fail_msg("%s", error.message);
}

static void untrain(struct trained *trained)
{
    train_report_deinit(&trained->report);
    samples_deinit(&trained->samples);
    buf_deinit(&trained->text);
    buf_deinit(&trained->file);
}

static struct prediction ask(const struct predictor *predictor, const char *user, const char *model)
{
    struct predictor_bound bound;
    struct prediction prediction;
    struct error error;
    const struct predictor_candidate candidate = {str_of(model), 1};
    const struct route_prompt prompt = prompt_of("", user);
    assert_int_equal(predictor_bind(predictor, &candidate, 1, &bound, &error), OK);
    predictor_ask(predictor, &bound, &prompt, &prediction);
    return prediction;
}

static void a_planted_rule_is_learnt_and_survives_its_file(void **state)
{
    (void)state;
    struct trained trained, again;
    struct predictor *predictor;
    struct train_report evaluated;
    struct error error;
    train(&trained, &(struct route_train_options){.seed = 5});
    const struct train_method *router = &trained.report.methods[0];
    assert_str_equal(trained.samples.models[0], "small"); /* from the weakest on, whatever the order in the rows */
    assert_true(router->auc.low > 0.75);
    assert_true(router->apgr > 0.7);
    assert_true(trained.report.calibration_error < 0.08);

    train(&again, &(struct route_train_options){.seed = 5});
    assert_int_equal(trained.file.len, again.file.len);
    assert_memory_equal(trained.file.data, again.file.data, again.file.len);
    untrain(&again);

    assert_int_equal(predictor_parse(buf_str(&trained.file), "made", &predictor, &error), OK);
    struct predictor_facts facts;
    predictor_facts(predictor, &facts);
    const struct predictor_point *points = facts.curve.points;
    assert_int_equal(facts.curve.count, MEASURE_POINTS);
    assert_true(points[0].strong_share == 0 && points[MEASURE_POINTS - 1].strong_share == 1);
    assert_true(points[MEASURE_POINTS - 1].cost == 1 && points[0].cost < 1);
    assert_float_equal(points[10].quality, router->curve.points[10].quality, 1e-6);
    const struct prediction easy = ask(predictor, "Tell me 3 things about a lamp and my order", "small");
    const struct prediction hard = ask(predictor, "Tell me 3 things about a lamp and tort liability", "small");
    if (easy.quality < 0.65F || hard.quality > 0.4F)
        fail_msg("easy %f, hard %f", (double)easy.quality, (double)hard.quality);
    assert_true(ask(predictor, "Tell me 3 things about a lamp and tort liability", "large").quality > 0.8);
    assert_true(easy.uncertainty < PREDICTOR_UNSURE && easy.uncertainty > 0);
    assert_int_equal(route_eval(&trained.samples, predictor, 5, &evaluated, &error), OK);
    assert_true(evaluated.methods[0].auc.value > 0.75);
    train_report_deinit(&evaluated);
    predictor_free(predictor);
    untrain(&trained);
}

/* In the mean over several deals: with so few rows a single one is off by 0.02. */
static void permuted_labels_teach_nothing(void **state)
{
    (void)state;
    struct trained trained;
    double sum = 0;
    for (uint64_t seed = 0; seed < DEALS; seed++) {
        train(&trained, &(struct route_train_options){.seed = seed, .permutes_labels = true, .only_measures = true});
        sum += trained.report.methods[0].auc.value;
        untrain(&trained);
    }
    if (sum / DEALS < 0.47 || sum / DEALS > 0.53)
        fail_msg("AUC %f", sum / DEALS);
}

/* --- words that stand together --- */

static void make_two_kinds(struct sparse *matrix, size_t picked[ROWS])
{
    struct rng rng;
    rng_seed(&rng, 7);
    *matrix = (struct sparse){.columns = 2 * KIND_WORDS};
    for (size_t i = 0; i < ROWS; i++) {
        picked[i] = i;
        for (uint32_t j = 0; j < 5; j++)
            assert_true(sparse_add(matrix, (uint32_t)(i % 2 * KIND_WORDS + rng_below(&rng, KIND_WORDS)), 0.4F));
        assert_true(sparse_end(matrix));
    }
}

static void assert_orthonormal(const struct kinship *kinship)
{
    for (size_t i = 0; i < kinship->count; i++)
        for (size_t j = 0; j <= i; j++) {
            double product = 0;
            for (size_t k = 0; k < kinship->columns; k++)
                product += (double)kinship->directions[k * kinship->count + i] *
                           (double)kinship->directions[k * kinship->count + j];
            assert_true(fabs(product - (i == j)) < 1e-3);
        }
}

/* Rows of two kinds, each with words of its own: they lie apart. */
static void words_of_the_same_prompts_are_alike(void **state)
{
    (void)state;
    struct sparse matrix;
    struct kinship kinship, again;
    static size_t picked[ROWS];
    float places[3][KINSHIP_MAX];
    double same = 0, apart = 0;
    make_two_kinds(&matrix, picked);
    assert_true(kinship_find(&matrix, picked, ROWS, 2 * KIND_WORDS, &kinship));
    assert_true(kinship_find(&matrix, picked, ROWS, 2 * KIND_WORDS, &again));
    assert_int_equal(kinship.count, ROWS / 100);
    assert_memory_equal(kinship.directions, again.directions, 2 * KIND_WORDS * kinship.count * sizeof(float));
    assert_orthonormal(&kinship);
    for (size_t row = 0; row + 2 < ROWS; row++) {
        for (size_t i = 0; i < 3; i++)
            kinship_place(&kinship, &matrix, row + i, places[i]);
        for (size_t i = 0; i < kinship.count; i++) {
            apart += (double)(places[0][i] * places[1][i]);
            same += (double)(places[0][i] * places[2][i]);
        }
    }
    assert_true(same > 20 * fabs(apart));
    kinship_deinit(&kinship);
    kinship_deinit(&again);
    assert_true(kinship_find(&matrix, picked, 99, 2 * KIND_WORDS, &kinship)); /* too few rows to tell */
    assert_int_equal(kinship.count, 0);
    kinship_deinit(&kinship);
    sparse_deinit(&matrix);
}

static void reports_say_what_the_contract_says(void **state)
{
    (void)state;
    static const char *const baselines[] = {"always_cheap", "always_strong", "random_mix", "best_single",
                                            "subject_mean", "bag_of_words", "tfidf_neighbours", "oracle"};
    struct trained trained;
    struct buf out;
    yyjson_doc *doc;
    struct error error;
    train(&trained, &(struct route_train_options){.seed = 2, .only_measures = true});
    buf_init(&out, 1 << 20);
    report_append_json(&out, &trained.report);
    assert_int_equal(json_parse(buf_str(&out), &doc, &error), OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "rows")), ROWS);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "models")), 2);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "curve")), MEASURE_POINTS);
    for (size_t i = 0; i < sizeof(baselines) / sizeof(baselines[0]); i++) {
        yyjson_val *baseline = yyjson_obj_get(yyjson_obj_get(root, "baselines"), baselines[i]);
        assert_true(yyjson_is_num(yyjson_obj_get(baseline, "auc")));
        assert_true(yyjson_is_num(yyjson_obj_get(baseline, "apgr")));
        assert_true(yyjson_arr_size(yyjson_obj_get(baseline, "curve")) > 0);
    }
    json_free(doc);
    buf_clear(&out);
    report_append_svg(&out, &trained.report);
    report_append_text(&out, &trained.report);
    assert_false(out.failed);
    buf_deinit(&out);
    untrain(&trained);
}

/* --- files and candidates --- */

static void make_file(struct buf *file)
{
    struct route_weights *weights = route_weights_new(3);
    static const char *const names[] = {"weak", "middle", "strong"};
    for (size_t i = 0; i < 3; i++) {
        memcpy(weights->names[i], names[i], strlen(names[i]));
        weights->models[i].alone_intercept = (float)i;
        weights->models[i].alone_slope = 1;
    }
    weights->variance = weights->rarity_unit = 1;
    buf_init(file, 1 << 20);
    assert_true(route_weights_write(weights, file));
    route_weights_free(weights);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    struct buf file;
    struct predictor *predictor;
    struct error error;
    make_file(&file);
    for (size_t at = 0; at < file.len; at += at < 200 ? 1 : 4099) {
        file.data[at] = (char)(file.data[at] ^ 0x10);
        assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), ERROR_INVALID);
        assert_non_null(strstr(error.message, "made: "));
        file.data[at] = (char)(file.data[at] ^ 0x10);
    }
    for (size_t len = 0; len < file.len; len += len < 100 ? 1 : 8191)
        assert_int_equal(predictor_parse((struct str){file.data, len}, "made", &predictor, &error), ERROR_INVALID);
    buf_append_char(&file, 'x');
    assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), ERROR_INVALID);
    assert_int_equal(predictor_open("/nonexistent/predictor", &predictor, &error), ERROR_IO);
    assert_int_equal(predictor_open("/tmp", &predictor, &error), ERROR_INVALID);
    assert_int_equal(predictor_open_builtin("other", &predictor, &error), ERROR_NOT_FOUND);
    buf_deinit(&file);
}

/* As programs before this one wrote them. */
static void files_without_a_curve_are_read(void **state)
{
    (void)state;
    struct buf file;
    struct predictor *predictor;
    struct predictor_facts facts;
    struct error error;
    const uint32_t version = WEIGHTS_VERSION_WITHOUT_CURVE, later = WEIGHTS_VERSION + 1;
    make_file(&file);
    file.len -= sizeof(struct predictor_curve);
    memcpy(file.data + 8, &version, sizeof(version));
    uint32_t crc = crc32_ieee(0, file.data, file.len - sizeof(crc));
    memcpy(file.data + file.len - sizeof(crc), &crc, sizeof(crc));
    assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), OK);
    predictor_facts(predictor, &facts);
    assert_int_equal(facts.curve.count, 0);
    predictor_free(predictor);
    memcpy(file.data + 8, &later, sizeof(later));
    assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "train it again"));
    buf_deinit(&file);
}

static void unknown_models_take_their_place_by_strength(void **state)
{
    (void)state;
    struct buf file;
    struct predictor *predictor;
    struct predictor_bound bound;
    struct prediction predictions[4];
    struct error error;
    make_file(&file);
    assert_int_equal(predictor_parse(buf_str(&file), "made", &predictor, &error), OK);
    const struct predictor_candidate candidates[] = {
        {STR("x-large"), 9}, {STR("x-small"), 1}, {STR("weak"), 100}, {STR("x-mid"), 5}};
    const struct route_prompt prompt = prompt_of("", "hello");
    assert_int_equal(predictor_bind(predictor, candidates, 4, &bound, &error), OK);
    assert_true(bound.places[2].is_known && !bound.places[0].is_known);
    predictor_ask(predictor, &bound, &prompt, predictions);
    assert_true(predictions[1].quality < predictions[3].quality && predictions[3].quality < predictions[0].quality);
    assert_true(fabsf(predictions[2].quality - 0.5F) < 1e-5F); /* known, so its price says nothing */
    assert_true(predictions[1].uncertainty > predictions[2].uncertainty);
    assert_int_equal(predictor_bind(predictor, candidates, 0, &bound, &error), ERROR_INVALID);
    assert_int_equal(predictor_bind(predictor, candidates, PREDICTOR_CANDIDATES_MAX + 1, &bound, &error),
                     ERROR_INVALID);
    predictor_free(predictor);
    buf_deinit(&file);
}

/* What the strong model would gain, as the general predictor says it. */
static float gain(const struct predictor *predictor, const char *user)
{
    const char *weak = predictor_model(predictor, 0).data, *strong = predictor_model(predictor, 1).data;
    return ask(predictor, user, strong).quality - ask(predictor, user, weak).quality;
}

static void a_shop_question_is_for_the_weak_and_a_clause_for_the_strong(void **state)
{
    (void)state;
    static const char *const simple[] = {
        "What are your business hours?", "Where is your store?",
        "\xc2\xbf" "Cu\xc3\xa1l es su horario de atenci\xc3\xb3n?",
        "Was sind Ihre \xc3\x96" "ffnungszeiten?",
        "\xe4\xbd\xa0\xe4\xbb\xac\xe7\x9a\x84\xe8\x90\xa5\xe4\xb8\x9a\xe6\x97\xb6\xe9\x97\xb4"
        "\xe6\x98\xaf\xe4\xbb\x80\xe4\xb9\x88\xef\xbc\x9f"};
    static const char *const hard[] = {
        "Analyze the following clause of a contract and name the risks for each side: The Supplier shall indemnify the "
        "Customer against all claims, losses, damages and expenses, including reasonable fees of attorneys, that arise "
        "out of a breach of this Agreement, provided that the Customer gives prompt notice in writing.",
        "Analice la siguiente cl\xc3\xa1usula de un contrato y explique los riesgos de cada parte: El Proveedor "
        "indemnizar\xc3\xa1 al Cliente frente a cualquier reclamaci\xc3\xb3n, p\xc3\xa9rdida y gasto, "
        "incluidos los honorarios de abogados, derivados del incumplimiento de este contrato, siempre que el Cliente "
        "lo notifique sin demora por escrito.",
        "Analysieren Sie die folgende Vertragsklausel und erl\xc3\xa4utern Sie die Haftung: Der Lieferant stellt den "
        "Kunden von s\xc3\xa4mtlichen Anspr\xc3\xbc" "chen, Verlusten, Sch\xc3\xa4" "den und Kosten frei, die sich aus "
        "einer Verletzung dieses Vertrags ergeben, sofern der Kunde unverz\xc3\xbcglich schriftlich Mitteilung macht."};
    struct predictor *predictor;
    struct error error;
    float most = 0;
    assert_int_equal(predictor_open_builtin("general", &predictor, &error), OK);
    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
        most = fmaxf(most, gain(predictor, simple[i]));
    for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
        if (gain(predictor, hard[i]) < most + 0.03F)
            fail_msg("case %zu: %f where %f is simple", i, (double)gain(predictor, hard[i]), (double)most);
    predictor_free(predictor);
}

/* --- measures --- */

static void measures_are_right_on_rows_counted_by_hand(void **state)
{
    (void)state;
    const float scores[] = {0.1F, 0.4F, 0.35F, 0.8F, 0.9F}, targets[] = {0, 0, 1, 1, NAN};
    assert_true(fabs(measure_auc(scores, targets, 5, 1).value - 0.75) < 1e-9);
    const float same[] = {1, 1, 1, 1}, all[] = {1, 1, 1, 1};
    assert_true(fabs(measure_auc(same, targets, 4, 1).value - 0.5) < 1e-9);
    assert_true(fabs(measure_auc(scores, all, 4, 1).value - 0.5) < 1e-9);
    const struct interval gain = measure_auc_gain(scores, scores, targets, 5, 1);
    assert_true(gain.value == 0 && gain.low == 0 && gain.high == 0);
    assert_true(measure_calibration_error(targets, targets, 4) == 0);
}

static void curves_begin_at_the_weakest_and_end_at_the_strongest(void **state)
{
    (void)state;
    struct trained trained;
    struct curve weak, strong, random;
    train(&trained, &(struct route_train_options){.seed = 2, .only_measures = true});
    measure_single(&trained.samples, 0, &weak);
    measure_single(&trained.samples, 1, &strong);
    measure_random(&trained.samples, &random);
    assert_true(fabs(measure_apgr(&trained.samples, &random) - 0.5) < 1e-9);
    assert_true(fabs(measure_calls(&trained.samples, &random, 0.8) - 0.8) < 1e-9);
    for (size_t i = 0; i < trained.report.method_count; i++) {
        const struct curve *curve = &trained.report.methods[i].curve;
        if (curve->count == 1)
            continue;
        assert_true(fabs(curve->points[0].quality - weak.points[0].quality) < 1e-9);
        assert_true(fabs(curve->points[0].cost - 1) < 1e-9);
        assert_true(fabs(curve->points[curve->count - 1].quality - strong.points[0].quality) < 1e-9);
        assert_true(fabs(curve->points[curve->count - 1].cost - 10) < 1e-9);
    }
    const struct train_method *oracle = &trained.report.methods[trained.report.method_count - 1];
    assert_true(oracle->apgr > trained.report.methods[0].apgr && trained.report.methods[0].apgr > 0.5);
    untrain(&trained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_words_are_the_same_buckets),
        cmocka_unit_test(buckets_are_distinct_and_bounded),
        cmocka_unit_test(a_system_text_has_buckets_of_its_own),
        cmocka_unit_test(rows_are_read_as_requests_are),
        cmocka_unit_test(bad_data_is_refused_by_file_and_line),
        cmocka_unit_test(a_planted_rule_is_learnt_and_survives_its_file),
        cmocka_unit_test(permuted_labels_teach_nothing),
        cmocka_unit_test(words_of_the_same_prompts_are_alike),
        cmocka_unit_test(reports_say_what_the_contract_says),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(files_without_a_curve_are_read),
        cmocka_unit_test(unknown_models_take_their_place_by_strength),
        cmocka_unit_test(a_shop_question_is_for_the_weak_and_a_clause_for_the_strong),
        cmocka_unit_test(measures_are_right_on_rows_counted_by_hand),
        cmocka_unit_test(curves_begin_at_the_weakest_and_end_at_the_strongest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
