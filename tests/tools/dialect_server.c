/* `fulcrum serve` with one dialect more, as small as one can be: tests ask it and see that the pipeline says everything
 * in its words.
 *
 *   POST /small/talk    {"model": ..., "stream": false, ...}, else a body of chat completions
 *   POST /small/sing    known, not served
 *
 * Errors are {"oops": NAME, "about": MESSAGE, "id": ID}; streams are server-sent events, the last of them [DONE]. */
#include <stdio.h>
#include <string.h>

#include "api/call.h"
#include "api/dialect.h"
#include "api/native/native.h"
#include "api/sse.h"
#include "cmd/cmd.h"
#include "core/json.h"

static struct dialect_error of_code(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID: return (struct dialect_error){422, "wrong"};
    case ERROR_NOT_FOUND: return (struct dialect_error){410, "gone"};
    case ERROR_THROTTLED: return (struct dialect_error){429, "slower"};
    default: return (struct dialect_error){500, "broken"};
    }
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    return (struct dialect_error){401, problem == AUTH_MISSING ? "nobody" : "stranger"};
}

static const char *of_status(int status)
{
    return status == 404 ? "nowhere" : status == 405 ? "otherwise" : "no_http";
}

static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    buf_appendf(out, "{\"oops\":\"%s\",\"about\":", error->name);
    buf_append_json(out, message);
    return buf_appendf(out, ",\"id\":\"%s\"}", request_id);
}

static enum error_code peek(yyjson_val *root, struct str *model, bool *is_stream, struct error *error)
{
    enum error_code code = json_get_str(root, "", "model", model, NULL, error);
    if (code == OK && !model->data)
        code = error_set(error, ERROR_INVALID, "model: required and missing");
    return code == OK ? json_get_bool(root, "", "stream", is_stream, NULL, error) : code;
}

static const struct dialect small = {
    .name = "small",
    .id_header = "x-small-id",
    .error_type = "application/json; charset=utf-8",
    .no_memory = STR("{}"),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
    .peek = peek,
};

static bool append_event(struct buf *out, struct str type, struct str payload)
{
    return sse_append_event(out, str_eq(type, STR("chunk")) ? STR("") : type, payload);
}

static bool append_event_error(struct buf *out, const struct error *error)
{
    struct buf text;
    const struct dialect_error known = of_code(error->code);
    buf_init(&text, 8 * ERROR_MESSAGE_MAX);
    bool is_written = append_error(&text, &known, str_of(dialect_message(&small, error)), "") &&
                      sse_append_event(out, STR("oops"), buf_str(&text));
    buf_deinit(&text);
    return is_written;
}

static const struct dialect_framing events = {.content_type = SSE_CONTENT_TYPE,
                                              .append_event = append_event,
                                              .append_error = append_event_error,
                                              .append_end = sse_append_done};

int main(int argc, char **argv)
{
    static const struct api_operation rows[] = {
        {"POST", "/small/talk", "Talk", .handle = inference_run, .takes_prompt = true,
         .codec = &chat_codec, .framing = &events}};
    static const struct absent_operation absent[] = {{"POST", "/small/sing", "Sing"}, {NULL, NULL, NULL}};
    static const struct operations_table table = {
        .dialect = &small, .prefix = "/small/", .rows = rows, .count = 1, .absent = absent};
    if (argc > 1 && !strcmp(argv[1], "worker"))
        return cmd_worker(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "extract"))
        return cmd_extract(argc - 1, argv + 1);
    if (argc < 2 || strcmp(argv[1], "serve") != 0) {
        fprintf(stderr, "usage: dialect_server serve [OPTION]...\n");
        return 2;
    }
    operations_add(&table);
    return cmd_serve(argc - 1, argv + 1);
}
