/* test_engine_warmth.c - how warm a prompt is, and what is kept of all prompts, asked through the engine's public
 * header of a real worker: the answer is what the next request then reads, for everybody else nothing, and asking
 * changes nothing.
 *
 * The test program is its own worker: started as `worker ...` it runs that. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cache/config.h"
#include "core/util.h"
#include "core/limits.h"
#include "engine/prompt_memo.h"
#include "engine/random_gguf.h"
#include "support.h"
#include "support_engine.h"

#define MINUTES 300u
#define TEXT_MAX 4096u

static char model_path[64];

/* --- harness ---------------------------------------------------------------------------------------- */

static struct engine_bed *open_bed(uint64_t memory_bytes, const char *data, bool is_deterministic)
{
    struct config_model model = {.name = "tiny", .path = model_path, .context = 2048, .parallel = 4};
    static struct cache_config cache;
    cache = (struct cache_config){.memory_bytes = memory_bytes, .disk_bytes = data ? 64u << 20 : 0};
    const struct config config = {.models = &model,
                                  .model_count = 1,
                                  .deterministic = is_deterministic,
                                  .data = data,
                                  .log_level = LOG_ERROR,
                                  .parts = {{&cache_section, &cache}}};
    return engine_bed_open(&config);
}

struct answer {
    struct engine_warmth warmth;
    enum error_code code;
    uint32_t calls;
};

static void on_warmth(void *ctx, const struct engine_warmth *warmth, const struct error *error)
{
    struct answer *answer = ctx;
    answer->calls++;
    answer->code = error != NULL ? error->code : OK;
    if (warmth != NULL)
        answer->warmth = *warmth;
}

static struct engine_warmth warmth_of(struct engine_bed *bed, const struct engine_request *request)
{
    struct error error;
    struct answer answer = {0};
    assert_non_null(engine_warmth(bed->port, 0, request, on_warmth, &answer, &error));
    RUN_UNTIL(bed, answer.calls > 0);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, OK);
    return answer.warmth;
}

struct reply {
    struct engine_finished finished;
    uint32_t texts;
    bool is_done, is_failed;
};

static void on_text(void *ctx, struct str text, uint32_t tokens)
{
    struct reply *reply = ctx;
    (void)text;
    (void)tokens;
    reply->texts++;
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct reply *reply = ctx;
    reply->finished = *finished;
    reply->is_done = true;
}

static void on_failed(void *ctx, const struct error *error)
{
    struct reply *reply = ctx;
    (void)error;
    reply->is_done = reply->is_failed = true;
}

static const struct engine_handlers handlers = {NULL, on_text, on_finished, on_failed, NULL, NULL};

static struct engine_call *begin(struct engine_bed *bed, const struct engine_request *request, struct reply *reply)
{
    struct error error;
    *reply = (struct reply){0};
    struct engine_call *call = engine_generate(bed->port, 0, request, &handlers, reply, &error);
    assert_non_null(call);
    return call;
}

static struct engine_finished generate(struct engine_bed *bed, const struct engine_request *request)
{
    struct reply reply;
    (void)begin(bed, request, &reply);
    RUN_UNTIL(bed, reply.is_done);
    assert_false(reply.is_failed);
    return reply.finished;
}

/* A prompt in two segments: `shared` words that depend on the seed, then a question. */
struct warm_prompt {
    char text[TEXT_MAX], question[64];
    struct engine_segment segments[2];
    struct engine_request request;
};

static void prompt_init(struct warm_prompt *prompt, unsigned seed, unsigned words, const char *question,
                        enum engine_cache cache)
{
    size_t len = 0;
    for (unsigned i = 0; i < words; i++) {
        len += (size_t)snprintf(prompt->text + len, TEXT_MAX - len, "%c%u ", 'a' + (int)((seed + i) % 26), i % 10);
        assert_true(len < TEXT_MAX);
    }
    snprintf(prompt->question, sizeof(prompt->question), "%s", question);
    const bool is_explicit = cache == ENGINE_CACHE_EXPLICIT;
    prompt->segments[0] = (struct engine_segment){
        .text = {prompt->text, len}, .ends_checkpoint = is_explicit, .ttl_seconds = is_explicit ? MINUTES : 0};
    prompt->segments[1] = (struct engine_segment){.text = str_of(prompt->question)};
    prompt->request = (struct engine_request){.segments = prompt->segments,
                                              .segment_count = 2,
                                              .max_tokens = 2,
                                              .top_p = 1.0f,
                                              .tier = TIER_DEFAULT,
                                              .tenant = STR("shop"),
                                              .cache_salt = STR("pepper"),
                                              .cache = cache,
                                              .cache_min_tokens = 64};
}

static struct engine_segment content(const char *text)
{
    return (struct engine_segment){.text = str_of(text)};
}

/* What is asked before a request is what the request reads. */
static uint32_t ask_then_read(struct engine_bed *bed, const struct engine_request *request)
{
    const struct engine_warmth warmth = warmth_of(bed, request);
    const struct engine_finished finished = generate(bed, request);
    assert_int_equal(warmth.prompt_tokens, finished.prompt_tokens);
    assert_int_equal(warmth.warm_tokens, finished.cache.read_tokens);
    assert_int_equal(warmth.disk_tokens, 0);
    return warmth.warm_tokens;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void warm_is_what_is_read(bool is_deterministic)
{
    static const enum engine_cache modes[] = {ENGINE_CACHE_EXPLICIT, ENGINE_CACHE_IMPLICIT, ENGINE_CACHE_OFF};
    struct engine_bed *bed = open_bed(64u << 20, NULL, is_deterministic);
    uint64_t most[3] = {0};
    for (unsigned i = 0; i < 36; i++) { /* the same beginnings come again: cut, longer, and with other ends */
        static const char *const questions[] = {"why?", "how much is it, and when?", "w"};
        struct warm_prompt prompt;
        const unsigned mode = i % 3;
        prompt_init(&prompt, i % 2, 20 + i % 7 * 60, questions[i / 3 % 3], modes[mode]);
        const uint32_t read = ask_then_read(bed, &prompt.request);
        most[mode] = read > most[mode] ? read : most[mode];
    }
    assert_true(most[0] > 64 && most[1] > 64); /* something was read at all */
    assert_int_equal(most[2], 0);
    engine_bed_close(bed);
}

static void test_warm_is_what_is_read(void **state)
{
    (void)state;
    warm_is_what_is_read(false);
    warm_is_what_is_read(true);
}

static void test_nobody_else_is_told(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    struct warm_prompt prompt;
    prompt_init(&prompt, 3, 300, "why?", ENGINE_CACHE_EXPLICIT);
    assert_int_equal(warmth_of(bed, &prompt.request).warm_tokens, 0);
    (void)generate(bed, &prompt.request);
    const uint32_t warm = warmth_of(bed, &prompt.request).warm_tokens;
    assert_true(warm > 300);
    struct engine_request other = prompt.request;
    other.tenant = STR("sho");
    assert_int_equal(warmth_of(bed, &other).warm_tokens, 0);
    other.tenant = STR("shoppepper");
    other.cache_salt = STR("");
    assert_int_equal(warmth_of(bed, &other).warm_tokens, 0);
    other = prompt.request;
    other.cache_salt = STR("salt");
    assert_int_equal(warmth_of(bed, &other).warm_tokens, 0);
    other = prompt.request;
    other.cache_min_tokens = warm + 1; /* what is too short is not read */
    assert_int_equal(warmth_of(bed, &other).warm_tokens, 0);
    other.cache_min_tokens = warm;
    assert_int_equal(warmth_of(bed, &other).warm_tokens, warm);
    engine_bed_close(bed);
}

/* Each question is answered while the reply goes on, and none of them is counted as a request. */
static void test_no_step_is_waited_for(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    struct warm_prompt prompt, story;
    struct reply reply;
    prompt_init(&prompt, 3, 300, "why?", ENGINE_CACHE_IMPLICIT);
    (void)generate(bed, &prompt.request);
    const uint32_t warm = warmth_of(bed, &prompt.request).warm_tokens;
    assert_true(warm > 0);
    prompt_init(&story, 9, 10, "tell me", ENGINE_CACHE_OFF);
    story.request.max_tokens = 1000;
    (void)begin(bed, &story.request, &reply);
    RUN_UNTIL(bed, reply.texts > 0);
    struct engine_counters counters;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(warmth_of(bed, &prompt.request).warm_tokens, warm);
        assert_false(reply.is_done);
        engine_counters(bed->engine, 0, &counters);
        assert_int_equal(counters.queue_depth, 0);
        assert_int_equal(counters.running, 1);
    }
    RUN_UNTIL(bed, reply.is_done);
    assert_false(reply.is_failed);
    engine_bed_close(bed);
}

/* Asked again and again until it is cold: a question that began the time anew would never come to an end. */
static void test_questions_renew_nothing(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    struct warm_prompt prompt;
    struct engine_warmth warmth;
    prompt_init(&prompt, 5, 200, "why?", ENGINE_CACHE_EXPLICIT);
    prompt.segments[0].ttl_seconds = 1;
    (void)generate(bed, &prompt.request);
    uint32_t asked = 0;
    engine_bed_set_alarm(bed);
    do {
        warmth = warmth_of(bed, &prompt.request);
        asked += warmth.warm_tokens > 0;
        usleep(1000);
    } while (warmth.warm_tokens > 0 && asked < 60000);
    assert_int_equal(warmth.warm_tokens, 0);
    assert_int_equal(generate(bed, &prompt.request).cache.read_tokens, 0);
    engine_bed_close(bed);
}

/* A worker that comes back finds its blocks on disk, and says so. */
static void test_disk_is_told_apart(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, test_root, false);
    struct warm_prompt prompt;
    prompt_init(&prompt, 7, 300, "why?", ENGINE_CACHE_EXPLICIT);
    (void)generate(bed, &prompt.request);
    const struct engine_warmth before = warmth_of(bed, &prompt.request);
    assert_true(before.warm_tokens > 0);
    assert_int_equal(before.disk_tokens, 0);
    engine_bed_close(bed); /* writes what is queued */

    bed = open_bed(64u << 20, test_root, false);
    const struct engine_warmth after = warmth_of(bed, &prompt.request);
    assert_true(after.warm_tokens > 0);
    assert_int_equal(after.disk_tokens, after.warm_tokens);
    assert_int_equal(warmth_of(bed, &prompt.request).disk_tokens, after.disk_tokens); /* nothing was read for it */
    assert_int_equal(generate(bed, &prompt.request).cache.read_tokens, after.warm_tokens);
    assert_int_equal(warmth_of(bed, &prompt.request).disk_tokens, 0);
    engine_bed_close(bed);
}

struct listed {
    struct engine_prefix first;
    char tenant[32];
    uint64_t bytes, memory_bytes, disk_bytes;
    size_t count;
    enum error_code code;
    uint32_t calls;
};

static void on_prefixes(void *ctx, const struct engine_prefixes *prefixes, const struct error *error)
{
    struct listed *listed = ctx;
    listed->calls++;
    listed->code = error != NULL ? error->code : OK;
    for (size_t i = 0; prefixes != NULL && i < prefixes->count; i++)
        listed->bytes += prefixes->items[i].bytes;
    for (size_t i = 0; prefixes != NULL && i < prefixes->tenant_count; i++) {
        listed->memory_bytes += prefixes->tenants[i].memory_bytes;
        listed->disk_bytes += prefixes->tenants[i].disk_bytes;
    }
    if (prefixes == NULL || prefixes->count == 0)
        return;
    listed->count = prefixes->count;
    listed->first = prefixes->items[0];
    snprintf(listed->tenant, sizeof(listed->tenant), STR_FMT, STR_ARG(listed->first.tenant));
}

static struct listed list(struct engine_bed *bed, struct str tenant)
{
    struct error error;
    struct listed listed = {0};
    assert_non_null(engine_prefixes(bed->port, 0, tenant, 10, on_prefixes, &listed, &error));
    RUN_UNTIL(bed, listed.calls > 0);
    assert_int_equal(listed.calls, 1);
    assert_int_equal(listed.code, OK);
    return listed;
}

/* What a request has left is listed as its tenant's, while another one runs, and after a restart on disk. */
static void test_what_is_kept_is_listed(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, test_root, false);
    struct warm_prompt prompt, story;
    struct reply reply;
    struct engine_counters counters;
    assert_int_equal(list(bed, (struct str){NULL, 0}).count, 0);
    prompt_init(&prompt, 7, 300, "why?", ENGINE_CACHE_EXPLICIT);
    (void)generate(bed, &prompt.request);
    (void)generate(bed, &prompt.request);
    prompt_init(&story, 9, 10, "tell me", ENGINE_CACHE_OFF);
    story.request.max_tokens = 1000;
    (void)begin(bed, &story.request, &reply);
    RUN_UNTIL(bed, reply.texts > 0);
    const uint32_t warm = warmth_of(bed, &prompt.request).warm_tokens;
    const struct listed all = list(bed, (struct str){NULL, 0}), own = list(bed, STR("shop"));
    assert_false(reply.is_done);
    engine_counters(bed->engine, 0, &counters);
    assert_true(all.count > 0 && all.count == own.count);
    assert_string_equal(all.tenant, "shop");
    assert_true(all.first.tokens + 1 >= warm && all.first.hits == 1 && !all.first.is_on_disk);
    assert_true(all.first.expires_s <= MINUTES && all.first.expires_s > MINUTES - 60);
    assert_int_equal(all.bytes, counters.cache_bytes);
    assert_int_equal(own.memory_bytes, counters.cache_bytes);
    assert_int_equal(list(bed, STR("bank")).count, 0);
    RUN_UNTIL(bed, reply.is_done);
    engine_bed_close(bed); /* writes what is queued */

    bed = open_bed(64u << 20, test_root, false);
    const struct listed left = list(bed, STR("shop"));
    assert_true(left.count > 0 && left.first.is_on_disk && left.memory_bytes == 0);
    assert_int_equal(left.bytes, left.disk_bytes);
    engine_bed_close(bed);
}

static void test_nothing_is_listed_without_a_cache(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(0, NULL, false);
    assert_int_equal(list(bed, (struct str){NULL, 0}).count, 0);
    engine_bed_close(bed);
}

static void test_without_a_cache(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(0, NULL, false);
    struct warm_prompt prompt;
    prompt_init(&prompt, 7, 300, "why?", ENGINE_CACHE_EXPLICIT);
    const struct engine_finished finished = generate(bed, &prompt.request);
    const struct engine_warmth warmth = warmth_of(bed, &prompt.request);
    assert_int_equal(warmth.prompt_tokens, finished.prompt_tokens);
    assert_int_equal(warmth.warm_tokens, 0);
    engine_bed_close(bed);
}

static void test_odd_prompts(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    struct warm_prompt prompt;
    prompt_init(&prompt, 7, 1, "", ENGINE_CACHE_EXPLICIT);
    struct engine_request request = prompt.request;
    request.segment_count = 0; /* nothing but what the model puts before each prompt, if it does */
    assert_true(warmth_of(bed, &request).prompt_tokens <= 1);
    static char text[300000]; /* longer than the context, and more than is tokenised between two frames */
    memset(text, 'x', sizeof(text));
    const struct engine_segment segment = {.text = {text, sizeof(text)}};
    request = prompt.request;
    request.segments = &segment;
    request.segment_count = 1;
    for (int cache = ENGINE_CACHE_OFF; cache <= ENGINE_CACHE_IMPLICIT; cache++) {
        request.cache = (enum engine_cache)cache;
        assert_true(warmth_of(bed, &request).prompt_tokens > 2048);
        assert_int_equal(warmth_of(bed, &request).warm_tokens, 0);
    }
    engine_bed_close(bed);
}

/* A worker that dies owes an answer; a question that was called off gets none. */
static void test_ends_once(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    struct warm_prompt prompt;
    struct answer answers[8] = {0};
    struct error error;
    prompt_init(&prompt, 7, 300, "why?", ENGINE_CACHE_EXPLICIT);
    assert_int_equal(kill(engine_worker_pid(bed->engine, 0), SIGSTOP), 0);
    for (size_t i = 0; i < 8; i++) {
        struct engine_call *call = engine_warmth(bed->port, 0, &prompt.request, on_warmth, &answers[i], &error);
        assert_non_null(call);
        if (i % 2 == 1)
            engine_cancel(call);
    }
    assert_int_equal(kill(engine_worker_pid(bed->engine, 0), SIGKILL), 0);
    RUN_UNTIL(bed, answers[0].calls + answers[2].calls + answers[4].calls + answers[6].calls == 4);
    RUN_UNTIL(bed, engine_bed_restarts(bed) == 1 && engine_model_is_ready(bed->engine, 0));
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(answers[i].calls, i % 2 == 0);
        assert_int_equal(answers[i].code, i % 2 == 0 ? ERROR_UNAVAILABLE : OK);
    }
    assert_true(warmth_of(bed, &prompt.request).prompt_tokens > 300); /* and it goes on */
    engine_bed_close(bed);
}

/* A conversation that grows, asked about before each turn: what the memo gives back of a prompt makes the same tokens
 * and marks as the whole text does, which a count, that never asks the memo, and the request's reads tell. */
static void on_count(void *ctx, uint32_t tokens, const struct error *error)
{
    assert_null(error);
    *(uint32_t *)ctx = tokens;
}

static void test_turns_are_recalled(void **state)
{
    (void)state;
    struct engine_bed *bed = open_bed(64u << 20, NULL, false);
    static const char *const turns[] = {"<|im_start|>user\n",
                                        "where is my parcel, please? It was sent on Monday.",
                                        "<|im_end|>\n<|im_start|>assistant\n",
                                        "It is on its way to you, since Tuesday.",
                                        "<|im_end|>\n<|im_start|>user\n",
                                        "And when will it be here? I wait for it so much."};
    struct warm_prompt prompt;
    struct engine_segment segments[14];
    prompt_init(&prompt, 11, 40, "", ENGINE_CACHE_EXPLICIT);
    prompt.request.segments = segments;
    for (size_t count = 2; count <= 14; count++) {
        for (size_t i = 0; i < count; i++) {
            const size_t turn = (i - 1) % 6;
            segments[i] = i == 0 ? prompt.segments[0]
                                 : (struct engine_segment){.is_template = turn % 2 == 0, .text = str_of(turns[turn])};
        }
        segments[count - 1].ends_checkpoint = true;
        segments[count - 1].ttl_seconds = MINUTES;
        prompt.request.segment_count = count;
        uint32_t counted = 0;
        struct error error;
        const struct engine_warmth first = warmth_of(bed, &prompt.request), again = warmth_of(bed, &prompt.request);
        assert_memory_equal(&first, &again, sizeof(first));
        assert_non_null(engine_count(bed->port, 0, segments, count, on_count, &counted, &error));
        RUN_UNTIL(bed, counted > 0);
        assert_int_equal(first.prompt_tokens, counted);
        (void)ask_then_read(bed, &prompt.request);
    }
    engine_bed_close(bed);
}

/* --- the memo --------------------------------------------------------------------------------------- */

/* A job with its request, and a token for each byte where it was not recalled. */
static void job_init(struct job *job, const char *tenant, const struct engine_segment *segments, size_t count)
{
    *job = (struct job){.request = {.segment_count = count, .tenant = str_of(tenant)}};
    arena_init(&job->arena, 0);
    struct engine_segment *copy = ARENA_ARRAY(&job->arena, struct engine_segment, count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = segments[i];
        assert_true(arena_str(&job->arena, segments[i].text, &copy[i].text));
    }
    job->request.segments = copy;
}

/* Asks about a prompt; the number of its segments that the memo had. */
static size_t memo_ask(struct prompt_memo *memo, const char *tenant, const struct engine_segment *segments,
                       size_t count)
{
    struct job job;
    struct prompt_recall recall;
    job_init(&job, tenant, segments, count);
    prompt_memo_recall(memo, &job, &recall);
    size_t cap = job.tokens.cap;
    for (size_t i = recall.segments; i < count; i++) {
        for (size_t at = 0; at < segments[i].text.len; at++) {
            assert_true(mem_grow((void **)&job.tokens.items, job.tokens.count, &cap, sizeof(model_token)));
            job.tokens.items[job.tokens.count++] = segments[i].text.data[at];
        }
        recall.ends[i] = (uint32_t)job.tokens.count;
    }
    job.tokens.cap = cap;
    for (size_t i = 0, at = 0; i < count; i++)
        for (size_t j = 0; j < segments[i].text.len; j++, at++)
            assert_int_equal(job.tokens.items[at], segments[i].text.data[j]);
    prompt_memo_put(memo, &job, &recall);
    model_tokens_deinit(&job.tokens);
    arena_deinit(&job.arena);
    return recall.segments;
}

static void test_memo_gives_common_segments(void **state)
{
    (void)state;
    struct prompt_memo memo = {0};
    struct engine_segment segments[4] = {content("you are a desk"), content("hello"), content("world"), content("end")};
    assert_int_equal(memo_ask(&memo, "a", segments, 3), 0);
    assert_int_equal(memo_ask(&memo, "a", segments, 3), 3);
    assert_int_equal(memo.count, 1);
    assert_int_equal(memo_ask(&memo, "a", segments, 4), 3);
    assert_int_equal(memo_ask(&memo, "a", segments, 2), 2);
    assert_int_equal(memo.count, 2); /* what was there whole is not kept twice */
    segments[2] = content("moon");
    assert_int_equal(memo_ask(&memo, "a", segments, 4), 2);
    segments[1].is_template = true; /* markers in it would be other tokens */
    assert_int_equal(memo_ask(&memo, "a", segments, 4), 1);
    assert_int_equal(memo_ask(&memo, "b", segments, 4), 0);
    assert_int_equal(memo_ask(&memo, "a", segments, 0), 0);
    prompt_memo_deinit(&memo);
    assert_true(memo.count == 0 && memo.bytes == 0 && memo.newest == NULL);
}

static void test_memo_is_bounded(void **state)
{
    (void)state;
    struct prompt_memo memo = {0};
    static char text[LIMIT_PROMPT_MEMO_BYTES];
    memset(text, 'x', sizeof(text));
    struct engine_segment segment = {.text = {text, 0}};
    for (size_t i = 1; i < 40; i++) { /* each about a thirtieth of all, text and tokens */
        segment.text.len = sizeof(text) / 200 + i;
        assert_int_equal(memo_ask(&memo, "a", &segment, 1), 0);
        assert_true(memo.bytes <= LIMIT_PROMPT_MEMO_BYTES);
    }
    assert_int_equal(memo_ask(&memo, "a", &segment, 1), 1);
    segment.text.len = sizeof(text) / 200 + 1; /* the first went first */
    assert_int_equal(memo_ask(&memo, "a", &segment, 1), 0);
    const uint32_t count = memo.count;
    segment.text.len = sizeof(text) / 8; /* with its tokens more than a quarter: not kept */
    assert_int_equal(memo_ask(&memo, "a", &segment, 1), 0);
    assert_int_equal(memo_ask(&memo, "a", &segment, 1), 0);
    assert_int_equal(memo.count, count);
    for (size_t i = 1; i < 3 * LIMIT_PROMPT_MEMO_ENTRIES; i++) {
        segment.text.len = i;
        (void)memo_ask(&memo, "a", &segment, 1);
        assert_true(memo.count <= LIMIT_PROMPT_MEMO_ENTRIES);
    }
    prompt_memo_deinit(&memo);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0)
        return cmd_worker(argc - 1, argv + 1);
    signal(SIGPIPE, SIG_IGN);
    log_configure(LOG_OFF, LOG_LOGFMT);
    struct error error;
    const struct random_gguf_options options = RANDOM_GGUF_TINY;
    snprintf(model_path, sizeof(model_path), "/tmp/fulcrum-test-warmth-%d.gguf", (int)getpid());
    if (random_gguf_write(&options, model_path, &error) != OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warm_is_what_is_read),
        cmocka_unit_test(test_nobody_else_is_told),
        cmocka_unit_test(test_no_step_is_waited_for),
        cmocka_unit_test(test_questions_renew_nothing),
        cmocka_unit_test_setup_teardown(test_disk_is_told_apart, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_what_is_kept_is_listed, test_root_make, test_root_remove),
        cmocka_unit_test(test_nothing_is_listed_without_a_cache),
        cmocka_unit_test(test_without_a_cache),
        cmocka_unit_test(test_odd_prompts),
        cmocka_unit_test(test_ends_once),
        cmocka_unit_test(test_turns_are_recalled),
        cmocka_unit_test(test_memo_gives_common_segments),
        cmocka_unit_test(test_memo_is_bounded),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(model_path);
    return failed;
}
