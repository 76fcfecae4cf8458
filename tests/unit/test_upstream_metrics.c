/* What local servers' metrics say of how busy they are. */
#include "support.h"

#include "upstream/replica_metrics.h"

static void test_vllm(void **state)
{
    const struct str text = STR("# HELP vllm:num_requests_running x\n"
                                "# TYPE vllm:num_requests_running gauge\n"
                                "vllm:num_requests_running{engine=\"0\",model_name=\"a}b c\"} 3.0\n"
                                "vllm:num_requests_running{engine=\"1\",model_name=\"a\"} 4.0 1395066363000\n"
                                "vllm:num_requests_waiting{engine=\"0\"} 2.0\r\n"
                                "vllm:num_requests_waiting_by_reason{reason=\"capacity\"} 99\n"
                                "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\n"
                                "vllm:kv_cache_usage_perc{engine=\"1\"} 7.5e-1\n");
    (void)state;
    const struct replica_metrics said = replica_metrics_read(UPSTREAM_SERVER_VLLM, text);
    assert_true(said.running == 7 && said.waiting == 2 && said.kv_use == 0.75);
    const struct replica_metrics older =
        replica_metrics_read(UPSTREAM_SERVER_VLLM, STR("vllm:gpu_cache_usage_perc 0.5"));
    assert_true(older.running < 0 && older.waiting < 0 && older.kv_use == 0.5);
}

static void test_sglang(void **state)
{
    (void)state;
    const struct replica_metrics said =
        replica_metrics_read(UPSTREAM_SERVER_SGLANG, STR("sglang:num_running_reqs{model_name=\"m\"} 5\n"
                                                         "sglang:num_queue_reqs{model_name=\"m\"} 0\n"
                                                         "sglang:token_usage{model_name=\"m\"} 1.2\n"));
    assert_true(said.running == 5 && said.waiting == 0 && said.kv_use == 1);
}

static void test_llama_server(void **state)
{
    (void)state;
    const struct replica_metrics said = replica_metrics_read(
        UPSTREAM_SERVER_LLAMA, STR("llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"));
    assert_true(said.running == 1 && said.waiting == 2 && said.kv_use < 0);
}

static void test_what_says_nothing(void **state)
{
    static const char *const texts[] = {
        "", "\n\n", "vllm:num_requests_running", "vllm:num_requests_running{", "vllm:num_requests_running NaN",
        "vllm:num_requests_running -1", "vllm:num_requests_running +Inf", "vllm:num_requests_running one",
        " vllm:num_requests_running 1", "sglang:num_running_reqs 1", "<html>vllm:num_requests_running 1</html>"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(replica_metrics_read(UPSTREAM_SERVER_VLLM, str_of(texts[i])).running < 0);
    assert_true(replica_metrics_read(UPSTREAM_SERVER_ANY, STR("vllm:num_requests_running 1\n")).running < 0);
    assert_true(replica_metrics_read(UPSTREAM_SERVER_VLLM, STR("vllm:num_requests_running 1e300")).running == 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vllm),
        cmocka_unit_test(test_sglang),
        cmocka_unit_test(test_llama_server),
        cmocka_unit_test(test_what_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
