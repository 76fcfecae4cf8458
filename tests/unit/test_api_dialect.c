/* What the pipeline says by itself is said in the words of the request's dialect: Bedrock's, and a made-up one with
 * other errors, other headers, streams of lines, and the model in the body. */
#include "support_net.h"
#include "support.h"

#include "api/bedrock/dialect.h"
#include "api/call.h"
#include "core/json.h"

/* --- a dialect of our own --------------------------------------------------------------------------- */

static struct dialect_error made_up_code(enum error_code code)
{
    return code == ERROR_THROTTLED ? (struct dialect_error){429, "slow_down"} : (struct dialect_error){418, "teapot"};
}

static struct dialect_error made_up_auth(enum auth_problem problem)
{
    return (struct dialect_error){401, problem == AUTH_EXPIRED ? "too_late" : "who_are_you"};
}

static const char *made_up_status(int status)
{
    return status == 404 ? "nowhere" : status == 405 ? "not_so" : "not_http";
}

static bool made_up_error(struct buf *out, const struct dialect_error *error, struct str message,
                          const char *request_id)
{
    buf_appendf(out, "{\"error\":{\"type\":\"%s\",\"id\":\"%s\",\"message\":", error->name, request_id);
    buf_append_json(out, message);
    return buf_append_text(out, "}}");
}

static enum error_code made_up_peek(yyjson_val *root, struct str *model, bool *is_stream, struct error *error)
{
    enum error_code code = json_get_str(root, "", "model", model, NULL, error);
    if (code == OK && !model->data)
        code = error_set(error, ERROR_INVALID, "model: required and missing");
    return code == OK ? json_get_bool(root, "", "stream", is_stream, NULL, error) : code;
}

static const struct dialect made_up = {
    .name = "made-up",
    .id_header = "x-made-up-id",
    .error_type = "application/problem+json",
    .no_memory = STR("{}"),
    .of_code = made_up_code,
    .of_auth = made_up_auth,
    .of_status = made_up_status,
    .append_error = made_up_error,
    .peek = made_up_peek,
};

static bool line_event(struct buf *out, struct str type, struct str payload)
{
    return buf_appendf(out, STR_FMT " " STR_FMT "\n", STR_ARG(type), STR_ARG(payload));
}

static bool line_error(struct buf *out, const struct error *error)
{
    return buf_appendf(out, "failed %s\n", error->message);
}

static const struct dialect_framing lines = {
    .content_type = "text/x-lines", .append_event = line_event, .append_error = line_error};

static void handle(struct api_call *call)
{
    (void)call;
}

static const struct api_operation rows[] = {{"POST", "/hold/talk", "Talk", .handle = handle, .framing = &lines}};
static const struct absent_operation absent[] = {{"POST", "/hold/sing", "Sing"}, {NULL, NULL, NULL}};
static const struct operations_table table = {
    .dialect = &made_up, .prefix = "/hold/", .rows = rows, .count = 1, .absent = absent};

/* --- a call without a server ------------------------------------------------------------------------ */

struct bed {
    struct peer peer;
    struct api api;
    struct api_thread thread;
    struct api_call *call;
};

static void ask(struct bed *bed, const char *path)
{
    static struct config config;
    char request[256];
    *bed = (struct bed){.api = {.config = &config}};
    bed->thread.api = &bed->api;
    peer_open(&bed->peer, PROTOCOL_HTTP1);
    (void)snprintf(request, sizeof(request), "POST %s HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", path);
    peer_give(&bed->peer, str_of(request));
    assert_int_equal(bed->peer.held_count, 1);
    bed->call = call_new(&bed->thread, bed->peer.held[0]);
    const struct operations_match match = operations_find(STR("POST"), str_of(path));
    if (match.operation)
        bed->call->operation = match.operation;
    assert_ptr_equal(match.dialect, bed->call->dialect);
}

static void says(struct bed *bed, const char *text)
{
    peer_pump(&bed->peer);
    if (str_find(buf_str(&bed->peer.sent), str_of(text), 0) < 0)
        fail_msg("missing: %s in\n" STR_FMT, text, STR_ARG(buf_str(&bed->peer.sent)));
}

static void says_not(struct bed *bed, const char *text)
{
    if (str_find(buf_str(&bed->peer.sent), str_of(text), 0) >= 0)
        fail_msg("there: %s in\n" STR_FMT, text, STR_ARG(buf_str(&bed->peer.sent)));
}

static void close_bed(struct bed *bed)
{
    peer_close(&bed->peer);
}

/* --- errors ----------------------------------------------------------------------------------------- */

static void fail_with(struct bed *bed, const char *path, enum error_code code, enum auth_problem problem)
{
    struct error error;
    ask(bed, path);
    bed->call->identity.problem = problem;
    (void)error_set(&error, code, "because \"so\"");
    call_fail(bed->call, &error);
}

static void errors_have_the_dialects_names(void **state)
{
    (void)state;
    struct bed bed;
    fail_with(&bed, "/hold/talk", ERROR_THROTTLED, AUTH_OK);
    says(&bed, "HTTP/1.1 429 ");
    says(&bed, "content-type: application/problem+json\r\nx-made-up-id: ");
    says(&bed, "retry-after: 1\r\n");
    says(&bed, "{\"error\":{\"type\":\"slow_down\",\"id\":\"");
    says(&bed, "\"message\":\"because \\\"so\\\"\"}}");
    says_not(&bed, "amzn");
    close_bed(&bed);
    fail_with(&bed, "/hold", ERROR_THROTTLED, AUTH_OK);
    says(&bed, "content-type: application/json\r\nx-amzn-errortype: ThrottlingException\r\nx-amzn-requestid: ");
    says(&bed, "retry-after: 1\r\n");
    says(&bed, "{\"message\":\"because \\\"so\\\"\",\"__type\":\"ThrottlingException\"}");
    close_bed(&bed);
}

static void what_is_internal_stays_in_the_log(void **state)
{
    (void)state;
    struct bed bed;
    fail_with(&bed, "/hold/talk", ERROR_IO, AUTH_OK);
    says(&bed, "\"message\":\"The server failed on this request; its log says why.\"");
    close_bed(&bed);
}

static void refused_credentials_have_the_dialects_names(void **state)
{
    (void)state;
    static const struct {
        enum auth_problem problem;
        const char *bedrock, *made_up;
    } problems[] = {
        {AUTH_MISSING, "HTTP/1.1 403 |MissingAuthenticationTokenException", "who_are_you"},
        {AUTH_INCOMPLETE, "HTTP/1.1 400 |IncompleteSignature", "who_are_you"},
        {AUTH_UNKNOWN_KEY, "HTTP/1.1 403 |UnrecognizedClientException", "who_are_you"},
        {AUTH_BAD_SIGNATURE, "HTTP/1.1 403 |InvalidSignatureException", "who_are_you"},
        {AUTH_EXPIRED, "HTTP/1.1 400 |RequestExpired", "too_late"},
        {AUTH_DENIED, "HTTP/1.1 403 |AccessDeniedException", "who_are_you"},
    };
    struct bed bed;
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        struct str name = str_of(problems[i].bedrock), status;
        char line[32];
        (void)str_split(&name, '|', &status);
        (void)snprintf(line, sizeof(line), STR_FMT, STR_ARG(status));
        fail_with(&bed, "/hold", ERROR_DENIED, problems[i].problem);
        says(&bed, line);
        says(&bed, name.data);
        close_bed(&bed);
        fail_with(&bed, "/hold/talk", ERROR_DENIED, problems[i].problem);
        says(&bed, "HTTP/1.1 401 ");
        says(&bed, problems[i].made_up);
        close_bed(&bed);
    }
}

static void what_has_no_code_is_named_by_its_status(void **state)
{
    (void)state;
    struct bed bed;
    ask(&bed, "/hold/nothing");
    call_refuse(bed.call, 405, "This path takes GET only.", "GET");
    says(&bed, "HTTP/1.1 405 ");
    says(&bed, "allow: GET\r\n");
    says(&bed, "\"type\":\"not_so\"");
    close_bed(&bed);
    ask(&bed, "/hold");
    call_refuse(bed.call, 404, "There is no operation at this path.", NULL);
    says(&bed, "x-amzn-errortype: UnknownOperationException\r\n");
    says_not(&bed, "allow");
    close_bed(&bed);
}

static void broken_http_is_refused_by_the_path(void **state)
{
    (void)state;
    struct bed bed;
    ask(&bed, "/hold/deep/inside");
    api_refuse(bed.peer.held[0], 413, "The body is too long.", "an-id");
    says(&bed, "HTTP/1.1 413 ");
    says(&bed, "{\"error\":{\"type\":\"not_http\",\"id\":\"an-id\",\"message\":\"The body is too long.\"}}");
    close_bed(&bed);
    ask(&bed, "/hold?or=not");
    api_refuse(bed.peer.held[0], 408, "Too slow.", "an-id");
    says(&bed, "x-amzn-errortype: RequestTimeoutException\r\n");
    close_bed(&bed);
    assert_ptr_equal(operations_dialect(STR("")), &bedrock_dialect); /* there was no path to be read */
}

/* --- operations ------------------------------------------------------------------------------------- */

static void tables_are_looked_through_in_turn(void **state)
{
    (void)state;
    struct operations_match match = operations_find(STR("POST"), STR("/hold/talk"));
    assert_string_equal(match.operation->name, "Talk");
    assert_ptr_equal(operations_at(match.index), match.operation);
    assert_ptr_equal(match.operation->framing, &lines);
    assert_string_equal(operations_find(STR("POST"), STR("/hold/sing")).absent, "Sing");
    assert_string_equal(operations_find(STR("GET"), STR("/hold/talk")).allowed_method, "POST");
    match = operations_find(STR("POST"), STR("/model/a/invoke"));
    assert_ptr_equal(match.dialect, &bedrock_dialect);
    assert_ptr_equal(operations_at(match.index), match.operation);
    assert_string_equal(operations_at(operations_s3_index())->name, "S3");
    size_t count = operations_count();
    operations_add(&table); /* twice is once */
    assert_int_equal(operations_count(), count);
}

static void the_body_says_which_model(void **state)
{
    (void)state;
    struct error error;
    yyjson_doc *doc;
    struct str model = {0};
    bool is_stream = false;
    assert_int_equal(json_parse_exact(STR("{\"model\":\"m\",\"stream\":true}"), &doc, &error), OK);
    assert_int_equal(made_up.peek(yyjson_doc_get_root(doc), &model, &is_stream, &error), OK);
    assert_str_equal(model, "m");
    assert_true(is_stream);
    json_free(doc);
}

/* --- replies ---------------------------------------------------------------------------------------- */

static void no_header_is_dropped(void **state)
{
    (void)state;
    struct bed bed;
    char text[64];
    ask(&bed, "/hold/talk");
    for (unsigned i = 0; i < 3 * CALL_FIRST_HEADERS; i++) {
        struct str name = arena_printf(&bed.call->exchange->arena, "x-number-%u", i);
        call_add_count_header(bed.call, name.data, i);
    }
    call_respond(bed.call, 200, STR("text/plain"), STR("ok"));
    says(&bed, "content-type: text/plain\r\nx-made-up-id: ");
    for (unsigned i = 0; i < 3 * CALL_FIRST_HEADERS; i++) {
        (void)snprintf(text, sizeof(text), "x-number-%u: %u\r\n", i, i);
        says(&bed, text);
    }
    close_bed(&bed);
}

static void a_stream_is_framed_by_its_operation(void **state)
{
    (void)state;
    struct bed bed;
    struct buf frames;
    struct error error;
    ask(&bed, "/hold/talk");
    buf_init(&frames, 1024);
    call_start_stream(bed.call);
    assert_true(bed.call->operation->framing->append_event(&frames, STR("word"), STR("hello")));
    (void)error_set(&error, ERROR_MODEL, "it broke");
    call_fail_stream(bed.call, &frames, &error, false);
    says(&bed, "HTTP/1.1 200 ");
    says(&bed, "content-type: text/x-lines\r\n");
    says(&bed, "word hello\nfailed it broke\n");
    buf_deinit(&frames);
    close_bed(&bed);
}

static int add_table(void **state)
{
    (void)state;
    log_configure(LOG_OFF, LOG_LOGFMT);
    operations_add(&table);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_the_dialects_names),
        cmocka_unit_test(what_is_internal_stays_in_the_log),
        cmocka_unit_test(refused_credentials_have_the_dialects_names),
        cmocka_unit_test(what_has_no_code_is_named_by_its_status),
        cmocka_unit_test(broken_http_is_refused_by_the_path),
        cmocka_unit_test(tables_are_looked_through_in_turn),
        cmocka_unit_test(the_body_says_which_model),
        cmocka_unit_test(no_header_is_dropped),
        cmocka_unit_test(a_stream_is_framed_by_its_operation),
    };
    return cmocka_run_group_tests(tests, add_table, NULL);
}
