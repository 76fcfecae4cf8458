/* test_engine_certainty.c - how sure a model is of its reply: the probabilities that it gave its own tokens, beside
 * those that its logits give when nothing else runs. */
#include "support_scheduler.h"

#include <math.h>
#include <unistd.h>

#include "core/log.h"
#include "engine/sampler.h"
#include "support.h"

#define CONTEXT 256u
#define PROMPT 30u
#define REPLY 12u

static char path[64];
static model_token tokens[CONTEXT];

static double log_probability(const float *logits, uint32_t count, model_token token)
{
    double mass = 0;
    for (uint32_t i = 0; i < count; i++)
        mass += exp((double)logits[i]);
    return (double)logits[token] - log(mass);
}

/* The same reply, token by token. */
static double expected_sum(const struct bed_options *options, const struct ask *ask)
{
    struct bed *cold = bed_new(options);
    const struct engine_request *request = &ask->job.request;
    const uint32_t vocabulary = model_facts(cold->model)->vocabulary;
    struct sampler_candidate *scratch = mem_alloc(vocabulary * sizeof(*scratch));
    struct sampler sampler;
    double sum = 0;
    assert_non_null(scratch);
    sampler_init(&sampler, request->temperature, request->top_p, request->top_k, request->seed);
    decode_tokens(cold->model, 0, ask->job.tokens.items, 0, PROMPT);
    for (uint32_t i = 0; i < ask->finished.certainty.tokens; i++) {
        const float *logits = model_logits(cold->model, model_batch_count(cold->model) - 1);
        const model_token token = sampler_pick(&sampler, logits, vocabulary, scratch);
        sum += log_probability(logits, vocabulary, token);
        model_batch_clear(cold->model);
        model_batch_add(cold->model, token, PROMPT + i, 0, true);
        assert_int_equal(model_decode(cold->model), MODEL_OK);
    }
    mem_free(scratch);
    bed_free(cold);
    return sum;
}

static void ask_for(struct ask *ask, float temperature, bool wants_certainty)
{
    ask_init(ask, tokens, PROMPT, ENGINE_CACHE_OFF, REPLY);
    ask->job.request.temperature = temperature;
    ask->job.request.seed = 3;
    ask->job.request.wants_certainty = wants_certainty;
}

/* Cold, warm and hot: always what the model itself gives its tokens, and never another reply. */
static void test_sum(void **state)
{
    (void)state;
    static const float temperatures[] = {0, 0.7F, 1.5F};
    const struct bed_options options = {.path = path, .context = CONTEXT, .parallel = 2};
    struct bed *bed = bed_open(&options);
    for (size_t i = 0; i < sizeof(temperatures) / sizeof(temperatures[0]); i++) {
        struct ask asked, plain;
        ask_for(&asked, temperatures[i], true);
        ask_for(&plain, temperatures[i], false);
        ask_run(bed, &asked);
        ask_run(bed, &plain);
        const struct engine_certainty *certainty = &asked.finished.certainty;
        const bool ended = asked.finished.stop == ENGINE_STOP_END;
        assert_int_equal(certainty->tokens, asked.finished.output_tokens + ended);
        const double sum = (double)certainty->sum;
        assert_true(sum < 0 && fabs(sum - expected_sum(&options, &asked)) < 1e-2);
        assert_int_equal(plain.finished.certainty.tokens, 0);
        assert_true(str_eq(buf_str(&asked.text), buf_str(&plain.text)));
        ask_deinit(&asked);
        ask_deinit(&plain);
    }
    bed_free(bed);
}

int main(void)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    log_configure(LOG_OFF, LOG_LOGFMT);
    options.context = CONTEXT;
    if (!write_model(&options, "certainty", path))
        return 1;
    fill_tokens(tokens, CONTEXT, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
