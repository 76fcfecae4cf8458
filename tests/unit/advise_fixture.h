/* advise_fixture.h - logs of one's own making, and the advisor over them. */
#ifndef TESTS_UNIT_ADVISE_FIXTURE_H
#define TESTS_UNIT_ADVISE_FIXTURE_H

#include "advise/advice.h"
#include "advise/report.h"
#include "cmd/sections.h"
#include "core/json.h"
#include "core/util.h"
#include "engine/embedded.h"

#define FIXTURE_DAY UINT64_C(1793491200) /* 2026-11-01T00:00:00Z */
#define FIXTURE_LOG_BYTES ((size_t)256 << 20)

struct fixture {
    struct config config;
    struct price_book *book;
    struct catalog catalog;
    struct predictor *predictor;
    struct buf log;
    struct rng rng;
    uint64_t requests;
};

static inline void fixture_init(struct fixture *fixture)
{
    struct error error;
    *fixture = (struct fixture){0};
    assert_int_equal(config_parse(STR(""), "test", program_sections, &fixture->config, &error), OK);
    assert_int_equal(price_book_load(&fixture->config, &fixture->book, &error), OK);
    assert_int_equal(catalog_load(embedded_file(STR("aliases.yaml")), &fixture->catalog, &error), OK);
    assert_int_equal(predictor_open_builtin(PREDICTOR_GENERAL, &fixture->predictor, &error), OK);
    buf_init(&fixture->log, FIXTURE_LOG_BYTES);
    rng_seed(&fixture->rng, 5);
}

static inline void fixture_deinit(struct fixture *fixture)
{
    buf_deinit(&fixture->log);
    predictor_free(fixture->predictor);
    catalog_deinit(&fixture->catalog);
    price_book_free(fixture->book);
    config_deinit(&fixture->config);
}

static inline struct advisor *fixture_advisor(struct fixture *fixture)
{
    const struct advisor_options options = {
        .book = fixture->book, .catalog = &fixture->catalog, .predictor = fixture->predictor};
    struct advisor *advisor;
    struct error error;
    assert_int_equal(advisor_new(&options, &advisor, &error), OK);
    return advisor;
}

/* Words that nobody said before. */
static inline void fixture_words(struct fixture *fixture, struct buf *text, unsigned count)
{
    static const char *const syllables[] = {"ka", "lo", "mi", "ren", "ta", "su", "vel", "po", "shi", "dar", "en",
                                            "qui"};
    for (unsigned i = 0; i < count; i++) {
        if (text->len > 0)
            buf_append_char(text, ' ');
        for (uint64_t k = 2 + rng_below(&fixture->rng, 3); k > 0; k--)
            buf_append_text(text, syllables[rng_below(&fixture->rng, 12)]);
    }
}

struct fixture_request {
    uint64_t second; /* since FIXTURE_DAY */
    const char *model, *operation;
    struct str system, user, answer;
    unsigned input, read, write, output;
};

/* One record of an invocation log. */
static inline void fixture_add(struct fixture *fixture, const struct fixture_request *request)
{
    char time[TIMESTAMP_LEN + 1];
    struct buf *log = &fixture->log;
    clock_iso8601((FIXTURE_DAY + request->second) * 1000000, time);
    buf_appendf(log,
                "{\"schemaType\":\"ModelInvocationLog\",\"schemaVersion\":\"1.0\",\"timestamp\":\"%s\","
                "\"accountId\":\"123456789012\",\"region\":\"us-east-1\",\"requestId\":\"%llu\",\"operation\":\"%s\","
                "\"modelId\":\"%s\",\"input\":{\"inputContentType\":\"application/json\",\"inputBodyJson\":{",
                time, (unsigned long long)fixture->requests++, request->operation ? request->operation : "Converse",
                request->model);
    if (request->system.len > 0) {
        buf_append_text(log, "\"system\":[{\"text\":");
        buf_append_json(log, request->system);
        buf_append_text(log, "}],");
    }
    buf_append_text(log, "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":");
    buf_append_json(log, request->user);
    buf_appendf(log,
                "}]}]},\"inputTokenCount\":%u,\"cacheReadInputTokenCount\":%u,\"cacheWriteInputTokenCount\":%u},"
                "\"output\":{\"outputBodyJson\":{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"tex"
                "t\":",
                request->input, request->read, request->write);
    buf_append_json(log, request->answer);
    buf_appendf(log, "}]}}},\"outputTokenCount\":%u}}\n", request->output);
    assert_false(log->failed);
}

#endif
