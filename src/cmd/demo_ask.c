/* demo_ask.c - see demo_ask.h. Requests go out by eval_ask.h. */
#include "cmd/demo_ask.h"

#include <stdio.h>

#include "cmd/eval_ask.h"
#include "core/json.h"
#include "core/util.h"
#include "distill/score.h"

#define ANSWER_TOKENS 24
#define SUMMARY_TOKENS 40
#define TAG_TOKENS 4
#define MARK "{\"cachePoint\":{\"type\":\"default\"}}"

/* The log's clock: the day begins at eight, eight customers write at once, every forty seconds. Notes come at two. */
#define LOG_DAY_US UINT64_C(86400000000)
#define LOG_START_US UINT64_C(1793606400000000) /* 2026-11-02T08:00Z */
#define LOG_TURN_US UINT64_C(40000000)
#define LOG_NEIGHBOUR_US UINT64_C(4000000)
#define LOG_NIGHT_US UINT64_C(64800000000)
#define LOG_NOTE_US UINT64_C(1000000)
#define AT_ONCE EVAL_IN_FLIGHT

/* What has been said in each conversation. */
struct course {
    const struct demo_ask *ask;
    struct str (*replies)[DEMO_TURNS]; /* [day->count]; NULL: notes */
    size_t turn;
    struct arena arena;
};

static struct demo_cell *cell_of(const struct demo_ask *ask, size_t conversation, size_t cell)
{
    return &ask->figures->cells[ask->phase][(ask->first + conversation) * DEMO_CELLS + cell];
}

bool demo_is_right(struct str text, struct str gold)
{
    return score_text_equal(text, gold);
}

struct str demo_reply_text(yyjson_val *reply)
{
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(reply, "output"), "message"), "content");
    return json_str(yyjson_obj_get(yyjson_arr_get_first(content), "text"));
}

/* --- bodies --------------------------------------------------------------------------------------------- */

static void append_message(struct buf *body, const char *role, struct str text, bool has_mark)
{
    buf_appendf(body, "{\"role\":\"%s\",\"content\":[{\"text\":", role);
    buf_append_json(body, text);
    buf_append_text(body, has_mark ? "}," MARK "]}" : "}]}");
}

static void append_system(struct buf *body, struct str system, bool has_mark)
{
    buf_append_text(body, "{\"system\":[{\"text\":");
    buf_append_json(body, system);
    buf_append_text(body, has_mark ? "}," MARK "],\"messages\":[" : "}],\"messages\":[");
}

static bool append_end(struct buf *body, const struct demo_ask *ask, unsigned tokens, size_t conversation, size_t cell)
{
    char session[DEMO_SESSION_MAX];
    demo_session(ask->phase, ask->first + conversation, cell, session);
    return buf_appendf(body,
                       "],\"inferenceConfig\":{\"maxTokens\":%u,\"temperature\":0},"
                       "\"requestMetadata\":{\"session\":\"%s\",\"" DEMO_TAG "\":\"%s\"}}",
                       tokens, session,
                       cell < DEMO_TURNS ? DEMO_TAG_TURN : ask->day->conversations[conversation].notes[ask->note].task);
}

static bool append_turn(void *ctx, size_t index, struct buf *body)
{
    const struct course *course = ctx;
    const struct demo_ask *ask = course->ask;
    const struct demo_question *turns = ask->day->conversations[index].turns;
    append_system(body, ask->day->system, ask->has_marks);
    for (size_t i = 0; i < course->turn; i++) {
        append_message(body, "user", turns[i].text, false);
        buf_append_char(body, ',');
        append_message(body, "assistant", course->replies[index][i], false);
        buf_append_char(body, ',');
    }
    append_message(body, "user", turns[course->turn].text, ask->has_marks);
    return append_end(body, ask, ANSWER_TOKENS, index, course->turn);
}

bool demo_append_note(const struct demo_ask *ask, size_t conversation, struct buf *body)
{
    const struct demo_note *note = &ask->day->conversations[conversation].notes[ask->note];
    append_system(body, note->system, false);
    append_message(body, "user", note->text, false);
    return append_end(body, ask, ask->note ? TAG_TOKENS : SUMMARY_TOKENS, conversation, DEMO_TURNS + ask->note);
}

static bool append_note(void *ctx, size_t index, struct buf *body)
{
    const struct course *course = ctx;
    return demo_append_note(course->ask, index, body);
}

/* --- the log -------------------------------------------------------------------------------------------- */

static uint64_t log_time(const struct course *course, size_t index)
{
    const uint64_t day = LOG_START_US + LOG_DAY_US * (course->ask->first / course->ask->day->count);
    if (!course->replies)
        return day + LOG_NIGHT_US + LOG_NOTE_US * (index * DEMO_NOTES + course->ask->note);
    return day + (index / AT_ONCE * DEMO_TURNS + course->turn) * LOG_TURN_US + index % AT_ONCE * LOG_NEIGHBOUR_US;
}

static void append_counts(struct buf *log, yyjson_val *usage)
{
    buf_appendf(log, ",\"inputTokenCount\":%llu,\"cacheReadInputTokenCount\":%llu,\"cacheWriteInputTokenCount\":%llu",
                (unsigned long long)yyjson_get_uint(yyjson_obj_get(usage, "inputTokens")),
                (unsigned long long)yyjson_get_uint(yyjson_obj_get(usage, "cacheReadInputTokens")),
                (unsigned long long)yyjson_get_uint(yyjson_obj_get(usage, "cacheWriteInputTokens")));
}

static void log_request(const struct course *course, size_t index, struct str reply, yyjson_val *root)
{
    struct buf *log = course->ask->log;
    char time[TIMESTAMP_LEN + 1];
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    clock_iso8601(log_time(course, index), time);
    buf_appendf(log,
                "{\"schemaType\":\"ModelInvocationLog\",\"schemaVersion\":\"1.0\",\"timestamp\":\"%s\","
                "\"accountId\":\"000000000000\",\"region\":\"us-east-1\",\"requestId\":\"demo-%zu-%zu-%zu\","
                "\"operation\":\"Converse\",\"modelId\":\"%s\",\"input\":{\"inputContentType\":\"application/json\","
                "\"inputBodyJson\":",
                time, course->ask->first, course->replies ? course->turn : DEMO_TURNS + course->ask->note, index,
                course->ask->model);
    if (course->replies)
        append_turn((void *)course, index, log);
    else
        append_note((void *)course, index, log);
    append_counts(log, usage);
    buf_appendf(log, "},\"output\":{\"outputContentType\":\"application/json\",\"outputTokenCount\":%llu,"
                     "\"outputBodyJson\":" STR_FMT "}}\n",
                (unsigned long long)yyjson_get_uint(yyjson_obj_get(usage, "outputTokens")), STR_ARG(reply));
}

/* --- replies -------------------------------------------------------------------------------------------- */

static enum error_code take_text(struct course *course, size_t index, struct str text)
{
    const struct demo_ask *ask = course->ask;
    if (!course->replies) {
        cell_of(ask, index, DEMO_TURNS + ask->note)->is_right =
            demo_is_right(text, ask->day->conversations[index].notes[ask->note].gold);
        return OK;
    }
    cell_of(ask, index, course->turn)->is_right =
        demo_is_right(text, ask->day->conversations[index].turns[course->turn].gold);
    const struct str said = text.len ? text : STR("-"); /* a turn has to say something */
    return arena_str(&course->arena, said, &course->replies[index][course->turn]) ? OK : ERROR_NO_MEMORY;
}

static enum error_code take(void *ctx, size_t index, struct str body, double confidence, struct error *error)
{
    struct course *course = ctx;
    yyjson_doc *doc;
    if (course->ask->judge && confidence >= 0)
        course->ask->judge(course->ask->ctx, confidence);
    if (json_parse(body, &doc, error) != OK)
        return error->code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const enum error_code code = take_text(course, index, demo_reply_text(root));
    if (code == OK && course->ask->log)
        log_request(course, index, body, root);
    json_free(doc);
    if (code != OK)
        return error_set(error, ERROR_IO, "no memory for a reply");
    return OK;
}

/* The day's figures are of all requests or none: a failure is said, and the request has no answer. */
static void fail(void *ctx, size_t index, const struct error *failure)
{
    struct course *course = ctx;
    if (course->replies)
        course->replies[index][course->turn] = STR("-");
    fprintf(stderr, "fulcrum demo: request %zu: %s\n", index, failure->message);
}

static void show(void *ctx, size_t done, bool is_last)
{
    const struct course *course = ctx;
    const struct demo_ask *ask = course->ask;
    (void)is_last;
    if (ask->progress)
        ask->progress(ask->ctx, (course->replies ? course->turn * ask->day->count : 0) + done);
}

static enum error_code run(struct course *course, size_t count,
                           bool (*append_body)(void *ctx, size_t index, struct buf *body), struct error *error)
{
    const struct ask ask = {.endpoint = course->ask->endpoint,
                            .model = course->ask->model,
                            .count = count,
                            .wants_confidence = course->ask->judge != NULL,
                            .ctx = course,
                            .append_body = append_body,
                            .take = take,
                            .fail = fail,
                            .progress = show};
    return ask_all(&ask, error);
}

enum error_code demo_ask_turns(const struct demo_ask *ask, struct error *error)
{
    struct course course = {.ask = ask};
    arena_init(&course.arena, 0);
    course.replies = mem_calloc(ask->day->count, sizeof(*course.replies));
    enum error_code code = course.replies ? OK : error_no_memory(error);
    for (course.turn = 0; course.turn < DEMO_TURNS && code == OK; course.turn++)
        code = run(&course, ask->day->count, append_turn, error);
    mem_free(course.replies);
    arena_deinit(&course.arena);
    return code;
}

enum error_code demo_ask_notes(const struct demo_ask *ask, struct error *error)
{
    struct course course = {.ask = ask};
    return run(&course, ask->day->count, append_note, error);
}
