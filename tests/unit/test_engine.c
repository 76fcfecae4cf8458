/* test_engine.c - the engine through its public header, with the real worker
 * process and a tiny model with random weights.
 *
 * The test program is its own worker: started as `worker ...` it runs that. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/json.h"
#include "core/util.h"
#include "engine/random_gguf.h"
#include "support.h"
#include "support_engine.h"

static char model_path[64];

/* --- harness: replies through one port --------------------------------------------------------------- */

struct reply {
    struct buf text;
    struct engine_call *call;
    struct engine_started started;
    struct engine_finished finished;
    struct error error;
    struct engine_certainty certainty; /* the last that was told beside a text */
    uint32_t text_tokens, texts;
    bool is_started, is_finished, is_failed;
};

static struct engine_bed *bed_open(bool deterministic, uint32_t parallel)
{
    struct config_model model = {.name = "tiny", .path = model_path, .context = 512, .parallel = parallel};
    const struct config config = {
        .models = &model, .model_count = 1, .deterministic = deterministic, .log_level = LOG_ERROR};
    return engine_bed_open(&config);
}

static void on_started(void *ctx, const struct engine_started *started)
{
    struct reply *reply = ctx;
    assert_false(reply->is_started);
    reply->started = *started;
    reply->is_started = true;
}

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct reply *reply = ctx;
    assert_true(reply->is_started);
    assert_true(str_is_utf8(text));
    buf_append_str(&reply->text, text);
    reply->text_tokens += tokens;
    reply->texts++;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct reply *reply = ctx;
    assert_false(reply->is_finished || reply->is_failed);
    reply->finished = *finished;
    reply->is_finished = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    struct reply *reply = ctx;
    assert_false(reply->is_finished || reply->is_failed);
    reply->error = *error;
    reply->is_failed = true;
}

static void on_certainty(void *ctx, const struct engine_certainty *certainty)
{
    struct reply *reply = ctx;
    assert_true(certainty->tokens > reply->certainty.tokens && certainty->sum <= reply->certainty.sum);
    reply->certainty = *certainty;
}

static const struct engine_handlers handlers = {on_started, on_text, on_finished, on_failed, on_certainty, NULL};

static struct engine_request request_of(const struct engine_segment *segments, size_t count, uint32_t max_tokens)
{
    return (struct engine_request){
        .segments = segments, .segment_count = count, .max_tokens = max_tokens, .top_p = 1.0f, .tier = TIER_DEFAULT};
}

static bool begin(struct engine_bed *bed, const struct engine_request *request, struct reply *reply)
{
    *reply = (struct reply){0};
    buf_init(&reply->text, 1u << 20);
    reply->call = engine_generate(bed->port, 0, request, &handlers, reply, &reply->error);
    return reply->call != NULL;
}

static bool is_done(const struct reply *reply)
{
    return reply->is_finished || reply->is_failed;
}

static void generate(struct engine_bed *bed, const struct engine_request *request, struct reply *reply)
{
    assert_true(begin(bed, request, reply));
    RUN_UNTIL(bed, is_done(reply));
    if (reply->is_failed)
        print_error("%s\n", reply->error.message);
    assert_true(reply->is_finished);
}

static struct engine_segment template_text(const char *text)
{
    return (struct engine_segment){.is_template = true, .text = str_of(text)};
}

static struct engine_segment content(const char *text)
{
    return (struct engine_segment){.text = str_of(text)};
}

struct count {
    uint32_t tokens;
    bool is_done;
    enum error_code code;
};

static void on_count(void *ctx, uint32_t tokens, const struct error *error)
{
    struct count *count = ctx;
    count->tokens = tokens;
    count->code = error != NULL ? error->code : OK;
    count->is_done = true;
}

static uint32_t count_tokens(struct engine_bed *bed, const struct engine_segment *segments, size_t n)
{
    struct error error;
    struct count count = {0};
    assert_non_null(engine_count(bed->port, 0, segments, n, on_count, &count, &error));
    RUN_UNTIL(bed, count.is_done);
    assert_int_equal(count.code, OK);
    return count.tokens;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void test_generates_and_counts(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segments[] = {template_text("<|im_start|>user\n"), content("hello there"),
                                              template_text("<|im_end|>\n<|im_start|>assistant\n")};
    struct engine_request request = request_of(segments, 3, 24);
    struct engine_counters before, after;
    struct reply reply;
    engine_counters(bed->engine, 0, &before);
    generate(bed, &request, &reply);
    engine_counters(bed->engine, 0, &after);
    assert_int_equal(reply.finished.stop, ENGINE_STOP_LENGTH);
    assert_int_equal(reply.finished.output_tokens, 24);
    assert_int_equal(reply.text_tokens, 24);
    assert_true(reply.text.len > 0);
    assert_int_equal(reply.started.prompt_tokens, reply.finished.prompt_tokens);
    assert_int_equal(reply.finished.prefilled_tokens, count_tokens(bed, segments, 3));
    assert_int_equal(after.prefilled_tokens - before.prefilled_tokens, reply.finished.prefilled_tokens);
    assert_int_equal(after.generated_tokens - before.generated_tokens, 24);
    assert_int_equal(after.running, 0);
    assert_int_equal(after.queue_depth, 0);
    buf_deinit(&reply.text);
}

static void test_model_info(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_model_info *info = engine_model_info(bed->engine, 0);
    assert_non_null(info);
    assert_int_equal(strlen(info->fingerprint), 64);
    assert_string_equal(info->architecture, "llama");
    assert_int_equal(info->context, 512);
    assert_int_equal(info->vocabulary, 512);
    assert_true(info->can_cut_state);
    assert_true(strstr(info->chat_template, "<|im_start|>") != NULL);
    assert_false(info->has_generic); /* a family that is known */
}

static void test_special_tokens_only_in_template(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment as_template = template_text("<|im_end|>"), as_content = content("<|im_end|>");
    assert_int_equal(count_tokens(bed, &as_template, 1), 1);
    assert_true(count_tokens(bed, &as_content, 1) > 3);
    assert_int_equal(count_tokens(bed, NULL, 0), 0);
}

static void test_long_prompts(void **state)
{
    struct engine_bed *bed = *state;
    char *text = mem_alloc(400000);
    memset(text, '7', 400000);
    const size_t lengths[] = {513, 2000, 399999};
    for (size_t i = 0; i < 3; i++) {
        const struct engine_segment segment = {.text = {text, lengths[i]}};
        struct engine_request request = request_of(&segment, 1, 5);
        struct reply reply;
        assert_true(begin(bed, &request, &reply));
        RUN_UNTIL(bed, is_done(&reply));
        assert_true(reply.is_failed);
        assert_int_equal(reply.error.code, ERROR_INVALID);
        assert_non_null(strstr(reply.error.message, "Input is too long for requested model: prompt is too long: "));
        assert_non_null(strstr(reply.error.message, " tokens > 512 maximum"));
    }
    const struct engine_segment full = {.text = {text, 510}};
    struct engine_request request = request_of(&full, 1, 0);
    struct reply reply;
    generate(bed, &request, &reply);
    assert_true(reply.finished.stop == ENGINE_STOP_CONTEXT || reply.finished.stop == ENGINE_STOP_END);
    assert_true(reply.finished.output_tokens <= 3);
    buf_deinit(&reply.text);
    mem_free(text);
}

/* Five bytes of plain ASCII behind the first few. */
static struct str plain_part(struct str text)
{
    for (size_t at = 9; at + 5 <= text.len; at++) {
        size_t plain = 0;
        while (plain < 5 && (signed char)text.data[at + plain] > 0)
            plain++;
        if (plain == 5)
            return str_slice(text, at, at + 5);
    }
    fail_msg("no plain text");
    return text;
}

static void test_stop_sequence(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("tell me");
    struct engine_request request = request_of(&segment, 1, 40);
    struct reply whole, cut;
    generate(bed, &request, &whole);
    assert_true(whole.text.len > 20);
    const struct str stops[] = {{"never in there", 14}, plain_part(buf_str(&whole.text))};
    const size_t at = (size_t)str_find(buf_str(&whole.text), stops[1], 0);
    request.stops = stops;
    request.stop_count = 2;
    generate(bed, &request, &cut);
    assert_int_equal(cut.finished.stop, ENGINE_STOP_SEQUENCE);
    assert_int_equal(cut.finished.stop_index, 1);
    assert_int_equal(cut.text.len, at);
    assert_memory_equal(cut.text.data, whole.text.data, at);
    buf_deinit(&whole.text);
    buf_deinit(&cut.text);
}

static void test_seeds(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("roll the dice");
    struct engine_request request = request_of(&segment, 1, 16);
    request.temperature = 1.0f;
    request.top_p = 0.95f;
    request.top_k = 50;
    struct reply replies[3];
    for (size_t i = 0; i < 3; i++) {
        request.seed = i < 2 ? 7 : 8;
        generate(bed, &request, &replies[i]);
    }
    assert_true(str_eq(buf_str(&replies[0].text), buf_str(&replies[1].text)));
    assert_false(str_eq(buf_str(&replies[0].text), buf_str(&replies[2].text)));
    for (size_t i = 0; i < 3; i++)
        buf_deinit(&replies[i].text);
}

static void test_grammar_forces_json(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("answer in JSON");
    struct engine_request request = request_of(&segment, 1, 120);
    request.grammar = STR("root ::= \"{\" ws \"\\\"name\\\"\" ws \":\" ws string ws \",\" ws "
                          "\"\\\"size\\\"\" ws \":\" ws number ws \"}\"\n"
                          "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1F])* \"\\\"\"\n"
                          "number ::= [0-9]+\n"
                          "ws ::= [ \\n]*\n");
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct reply reply;
        yyjson_doc *doc;
        struct error error;
        request.seed = seed;
        request.temperature = seed == 0 ? 0 : 1.0f;
        generate(bed, &request, &reply);
        if (reply.finished.stop != ENGINE_STOP_END)
            print_error("seed %d: %.*s\n", (int)seed, STR_ARG(buf_str(&reply.text)));
        assert_int_equal(reply.finished.stop, ENGINE_STOP_END);
        assert_int_equal(json_parse(buf_str(&reply.text), &doc, &error), OK);
        assert_true(yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "name")));
        json_free(doc);
        buf_deinit(&reply.text);
    }
    request.grammar = STR("root ::= nothing-of-that-name");
    struct reply reply;
    assert_true(begin(bed, &request, &reply));
    RUN_UNTIL(bed, is_done(&reply));
    assert_true(reply.is_failed);
}

static void generate_by(struct engine_bed *bed, const char *grammar, bool is_observed, const struct str *stop,
                        uint32_t max_tokens, struct reply *reply)
{
    const struct engine_segment segment = content("answer by the grammar");
    struct engine_request request = request_of(&segment, 1, max_tokens);
    request.temperature = 1.0f;
    request.seed = 5;
    request.grammar = str_of(grammar);
    request.observes_grammar = is_observed;
    request.stops = stop;
    request.stop_count = stop != NULL;
    generate(bed, &request, reply);
}

/* A stop sequence counts in text alone, over tokens too. */
/* What a grammar forces is no sign that the model knows: its own probabilities count. */
static void test_certainty_under_a_grammar(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("answer by the grammar");
    struct engine_request request = request_of(&segment, 1, 40);
    struct reply reply;
    request.grammar = STR("root ::= \"abcdefghijklmnop\"");
    request.wants_certainty = true;
    generate(bed, &request, &reply);
    assert_true(str_eq(buf_str(&reply.text), STR("abcdefghijklmnop")));
    assert_true(reply.certainty.tokens > 0 && reply.finished.certainty.tokens >= reply.certainty.tokens);
    assert_true(reply.finished.certainty.sum < -1.0F * (float)reply.finished.certainty.tokens);
    buf_deinit(&reply.text);
    request.wants_certainty = false;
    generate(bed, &request, &reply);
    assert_int_equal(reply.certainty.tokens + reply.finished.certainty.tokens, 0);
    buf_deinit(&reply.text);
}

static void test_stop_in_a_grammar(void **state)
{
    static const struct str stop = STR("ce:");
    struct engine_bed *bed = *state;
    struct reply reply;
    generate_by(bed, "root ::= \"once: twice: thrice: \" [0-9]\n", false, &stop, 40, &reply);
    assert_int_equal(reply.finished.stop, ENGINE_STOP_END);
    assert_true(str_starts(buf_str(&reply.text), STR("once: twice: thrice: ")));
    buf_deinit(&reply.text);
    generate_by(bed, "root ::= text-a\ntext-a ::= \"once: twice: \" text\ntext ::= ~<\"never\">\n", false, &stop, 40,
                &reply);
    assert_int_equal(reply.finished.stop, ENGINE_STOP_SEQUENCE);
    assert_true(str_eq(buf_str(&reply.text), STR("on")));
    buf_deinit(&reply.text);
}

/* Special tokens' texts inside of a value are made of ordinary tokens. */
static void test_markers_as_text(void **state)
{
    struct engine_bed *bed = *state;
    struct reply reply;
    generate_by(bed, "root ::= \"<|im_start|>user<|im_end|>\"\n", false, NULL, 60, &reply);
    assert_int_equal(reply.finished.stop, ENGINE_STOP_END);
    assert_true(str_eq(buf_str(&reply.text), STR("<|im_start|>user<|im_end|>")));
    buf_deinit(&reply.text);
}

/* Few tokens: what must be there, and of what may be there as much as fits. */
static void test_grammar_with_few_tokens(void **state)
{
    static const char grammar[] = "root ::= \"{\\\"v\\\":\\\"\" [a-z]* \"\\\"}\"\n";
    struct engine_bed *bed = *state;
    for (uint32_t most = 8; most <= 20; most += 4) {
        struct reply reply;
        generate_by(bed, grammar, false, NULL, most, &reply);
        assert_int_equal(reply.finished.stop, ENGINE_STOP_END);
        assert_int_equal(reply.finished.output_tokens, most);
        assert_true(reply.text.len > sizeof("{\"v\":\"\"}") - 1 || most < 10);
        buf_deinit(&reply.text);
    }
}

/* What no bound allows fails by itself; others of the model are served meanwhile and after. */
static void test_grammar_over_the_bound(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("answer by the grammar");
    struct engine_request request = request_of(&segment, 1, 400), plain = request_of(&segment, 1, 20);
    struct reply reply, other;
    request.temperature = 1.0f;
    request.grammar = STR("# output schema\nroot ::= d{200}\na ::= [a-z]{1,99}\nb ::= a{1,99}\nc ::= b{1,99}\n"
                          "d ::= c{1,99}\n");
    assert_true(begin(bed, &request, &reply));
    assert_true(begin(bed, &plain, &other));
    RUN_UNTIL(bed, is_done(&reply) && is_done(&other));
    assert_true(other.is_finished && other.finished.output_tokens == 20);
    assert_true(reply.is_failed);
    assert_int_equal(reply.error.code, ERROR_INVALID);
    assert_non_null(strstr(reply.error.message, "output schema: its grammar"));
    buf_deinit(&other.text);
    buf_deinit(&reply.text);
    assert_int_equal(engine_bed_restarts(bed), 0);
}

static void test_many_at_once(void **state)
{
    struct engine_bed *bed = *state;
    struct reply replies[24];
    char texts[24][32];
    struct engine_segment segments[24];
    for (size_t i = 0; i < 24; i++) {
        snprintf(texts[i], sizeof(texts[i]), "request number %zu", i);
        segments[i] = content(texts[i]);
        struct engine_request request = request_of(&segments[i], 1, 10 + (uint32_t)i);
        assert_true(begin(bed, &request, &replies[i]));
    }
    for (size_t i = 0; i < 24; i++) {
        RUN_UNTIL(bed, is_done(&replies[i]));
        assert_true(replies[i].is_finished);
        assert_int_equal(replies[i].finished.output_tokens, 10 + i);
        buf_deinit(&replies[i].text);
    }
}

static void test_cancel(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("a long story");
    struct engine_request request = request_of(&segment, 1, 400);
    struct reply reply, next;
    struct engine_counters counters;
    assert_true(begin(bed, &request, &reply));
    RUN_UNTIL(bed, reply.texts > 2);
    engine_cancel(reply.call);
    const uint32_t texts = reply.texts;
    engine_counters(bed->engine, 0, &counters);
    assert_int_equal(counters.running, 0);
    request.max_tokens = 3;
    generate(bed, &request, &next);
    assert_int_equal(reply.texts, texts);
    assert_false(is_done(&reply));
    engine_counters(bed->engine, 0, &counters);
    const uint64_t steps = counters.steps;
    usleep(100000);
    engine_counters(bed->engine, 0, &counters);
    assert_int_equal(counters.steps, steps); /* the cancelled one does not go on by itself */
    buf_deinit(&reply.text);
    buf_deinit(&next.text);
}

static void test_throttles(void **state)
{
    struct engine_bed *bed = *state;
    struct reply replies[40];
    const struct engine_segment segment = content("waiting in line");
    struct engine_request request = request_of(&segment, 1, 30);
    size_t accepted = 0, refused = 0;
    const uint64_t before = limits_in_force.queue_requests;
    limits_in_force.queue_requests = 8;
    for (size_t i = 0; i < 40; i++) {
        if (begin(bed, &request, &replies[i])) {
            accepted++;
        } else {
            assert_int_equal(replies[i].error.code, ERROR_THROTTLED);
            refused++;
        }
    }
    limits_in_force.queue_requests = before;
    assert_int_equal(accepted, 8);
    assert_int_equal(refused, 32);
    for (size_t i = 0; i < accepted; i++) {
        RUN_UNTIL(bed, is_done(&replies[i]));
        assert_true(replies[i].is_finished);
        buf_deinit(&replies[i].text);
    }
}

static void test_survives_kill(void **state)
{
    struct engine_bed *bed = *state;
    const struct engine_segment segment = content("to be interrupted");
    struct engine_request request = request_of(&segment, 1, 450);
    struct reply replies[20];
    for (size_t i = 0; i < 20; i++)
        assert_true(begin(bed, &request, &replies[i]));
    RUN_UNTIL(bed, replies[0].texts > 1);
    assert_int_equal(kill(engine_worker_pid(bed->engine, 0), SIGKILL), 0);
    const uint64_t killed_us = clock_now_us();
    for (size_t i = 0; i < 20; i++) {
        RUN_UNTIL(bed, is_done(&replies[i]));
        assert_true(replies[i].is_failed);
        assert_int_equal(replies[i].error.code, replies[i].is_started ? ERROR_MODEL : ERROR_UNAVAILABLE);
        buf_deinit(&replies[i].text);
    }
    struct reply reply;
    assert_false(begin(bed, &request, &reply));
    assert_int_equal(reply.error.code, ERROR_UNAVAILABLE);
    RUN_UNTIL(bed, engine_bed_restarts(bed) == 1 && engine_model_is_ready(bed->engine, 0));
    request.max_tokens = 4;
    generate(bed, &request, &reply);
    print_message("kill -9 to the next whole reply: %llu ms\n",
                  (unsigned long long)(clock_now_us() - killed_us) / 1000);
    buf_deinit(&reply.text);
}

static void test_deterministic(void **state)
{
    (void)state;
    struct engine_bed *bed = bed_open(true, 8);
    const struct engine_segment segment = content("the same again, whatever else is running, over and over");
    const struct engine_segment other = content("noise noise noise noise noise noise noise noise");
    struct engine_request request = request_of(&segment, 1, 60), noise = request_of(&other, 1, 50);
    struct reply alone, beside[3], noises[4];
    generate(bed, &request, &alone);
    for (size_t i = 0; i < 4; i++) {
        assert_true(begin(bed, &noise, &noises[i]));
        if (i < 3)
            assert_true(begin(bed, &request, &beside[i]));
    }
    for (size_t i = 0; i < 4; i++) {
        RUN_UNTIL(bed, is_done(&noises[i]));
        buf_deinit(&noises[i].text);
    }
    for (size_t i = 0; i < 3; i++) {
        RUN_UNTIL(bed, is_done(&beside[i]));
        assert_true(str_eq(buf_str(&alone.text), buf_str(&beside[i].text)));
        buf_deinit(&beside[i].text);
    }
    buf_deinit(&alone.text);
    engine_bed_close(bed);
}

/* --- two I/O threads -------------------------------------------------------------------------------- */

struct io_thread {
    pthread_t thread;
    struct engine *engine;
    unsigned index;
    uint32_t finished;
};

static void *io_main(void *arg)
{
    struct io_thread *io = arg;
    struct error error;
    struct engine_bed bed = {.engine = io->engine};
    struct reply replies[12];
    uv_loop_init(&bed.loop);
    uv_timer_init(&bed.loop, &bed.alarm);
    bed.alarm.data = &bed.is_late;
    bed.port = engine_port_new(io->engine, io->index, &bed.loop, &error);
    const struct engine_segment segment = content("from one of two threads");
    struct engine_request request = request_of(&segment, 1, 20);
    for (size_t i = 0; i < 12; i++)
        (void)begin(&bed, &request, &replies[i]);
    engine_cancel(replies[3].call);
    for (size_t i = 0; i < 12; i++) {
        while (i != 3 && !is_done(&replies[i]))
            uv_run(&bed.loop, UV_RUN_ONCE);
        io->finished += replies[i].is_finished;
        buf_deinit(&replies[i].text);
    }
    engine_port_close(bed.port);
    uv_close((uv_handle_t *)&bed.alarm, NULL);
    while (uv_run(&bed.loop, UV_RUN_DEFAULT) != 0) {
    }
    uv_loop_close(&bed.loop);
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    struct error error;
    uv_loop_t loop;
    struct config_model model = {.name = "tiny", .path = model_path, .context = 256, .parallel = 8};
    const struct config config = {.models = &model, .model_count = 1, .log_level = LOG_OFF};
    struct io_thread threads[2] = {0};
    struct engine *engine;
    uv_loop_init(&loop);
    assert_int_equal(engine_new(&config, &loop, 2, &engine, &error), OK);
    assert_int_equal(engine_wait(engine, &error), OK);
    for (unsigned i = 0; i < 2; i++) {
        threads[i].engine = engine;
        threads[i].index = i;
        assert_int_equal(pthread_create(&threads[i].thread, NULL, io_main, &threads[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i].thread, NULL);
        assert_int_equal(threads[i].finished, 11);
    }
    engine_free(engine);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* --- the gateway dies ------------------------------------------------------------------------------- */

/* A child plays the gateway: starts the engine, tells the worker's process ID and is killed. */
static void play_gateway(int out)
{
    struct error error;
    uv_loop_t loop;
    struct config_model model = {.name = "tiny", .path = model_path, .context = 256};
    const struct config config = {.models = &model, .model_count = 1, .log_level = LOG_OFF};
    struct engine *engine;
    uv_loop_init(&loop);
    if (engine_new(&config, &loop, 1, &engine, &error) != OK || engine_wait(engine, &error) != OK)
        _exit(1);
    const int pid = engine_worker_pid(engine, 0);
    if (write(out, &pid, sizeof(pid)) != sizeof(pid))
        _exit(1);
    for (;;)
        pause();
}

static void test_worker_dies_with_gateway(void **state)
{
    (void)state;
    int pipe_fds[2], worker = 0;
    assert_int_equal(pipe(pipe_fds), 0);
    const pid_t gateway = fork();
    if (gateway == 0)
        play_gateway(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], &worker, sizeof(worker)), sizeof(worker));
    assert_true(worker > 0 && kill(worker, 0) == 0);
    kill(gateway, SIGKILL);
    waitpid(gateway, NULL, 0);
    char path[64], text[512];
    bool is_gone = false;
    snprintf(path, sizeof(path), "/proc/%d/stat", worker);
    for (int i = 0; i < 300 && !is_gone; i++) { /* gone, or a zombie that nobody collects */
        FILE *file = fopen(path, "r");
        const size_t len = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
        text[len] = '\0';
        is_gone = len == 0 || strstr(text, ") Z ") != NULL;
        if (file != NULL)
            fclose(file);
        usleep(10000);
    }
    assert_true(is_gone);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void test_bad_model(void **state)
{
    (void)state;
    struct error error;
    struct engine *engine;
    uv_loop_t loop;
    struct config_model model = {.name = "absent", .path = "/nonexistent.gguf"};
    const struct config config = {.models = &model, .model_count = 1, .log_level = LOG_OFF};
    uv_loop_init(&loop);
    assert_int_equal(engine_new(&config, &loop, 1, &engine, &error), OK);
    assert_int_not_equal(engine_wait(engine, &error), OK);
    assert_non_null(strstr(error.message, "/nonexistent.gguf"));
    engine_free(engine);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int setup(void **state)
{
    *state = bed_open(false, 8);
    return 0;
}

static int teardown(void **state)
{
    engine_bed_close(*state);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_OFF, LOG_LOGFMT);
    struct error error;
    const struct random_gguf_options options = RANDOM_GGUF_TINY;
    snprintf(model_path, sizeof(model_path), "/tmp/fulcrum-test-%d.gguf", (int)getpid());
    if (random_gguf_write(&options, model_path, &error) != OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_generates_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_tokens_only_in_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_prompts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seeds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grammar_forces_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certainty_under_a_grammar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_in_a_grammar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markers_as_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grammar_with_few_tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grammar_over_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_throttles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_survives_kill, setup, teardown),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_worker_dies_with_gateway),
        cmocka_unit_test(test_bad_model),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(model_path);
    return failed;
}
