/* Documents in requests: noted while a body is parsed, read afterwards, and put
 * where they belong, in every dialect. The extractor starts this program again. */
#include "support.h"

#include <stdio.h>

#include "api/bedrock/converse.h"
#include "api/document.h"
#include "api/native/native.h"
#include "core/limits.h"
#include "core/log.h"
#include "document/child.h"
#include "document_fixture.h"
#include "generate/documents.h"

struct desk {
    uv_loop_t loop;
    struct extractor *extractor;
    struct extractor_port *port;
    struct arena arena;
    struct chat_request request;
    struct document_wait *wait;
    struct error error;
    bool is_done;
};

static struct buf docx; /* base64 of a file that says "words" */

static void open_desk(struct desk *desk)
{
    memset(desk, 0, sizeof(*desk));
    uv_loop_init(&desk->loop);
    arena_init(&desk->arena, 0);
    desk->request.arena = &desk->arena;
    assert_int_equal(extractor_new(false, &desk->extractor, &desk->error), OK);
    desk->port = extractor_port_new(desk->extractor, &desk->loop, &desk->error);
    assert_non_null(desk->port);
}

static void next_request(struct desk *desk)
{
    codec_request_free(&desk->request);
    arena_deinit(&desk->arena);
    desk->request = (struct chat_request){.arena = &desk->arena};
    desk->is_done = false;
}

static void close_desk(struct desk *desk)
{
    next_request(desk);
    extractor_port_close(desk->port);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    extractor_free(desk->extractor);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
}

static void on_done(void *ctx, const struct error *error)
{
    struct desk *desk = ctx;
    desk->is_done = true;
    desk->error = error ? *error : (struct error){.code = OK};
    desk->wait = NULL;
    uv_stop(&desk->loop);
}

/* Parses `body`, in which @ stands for the file, and waits for its documents. */
static enum error_code resolve(struct desk *desk, const struct codec *codec, const char *body)
{
    struct buf whole;
    buf_init(&whole, 1u << 20);
    for (; *body; body++)
        *body == '@' ? buf_append_str(&whole, buf_str(&docx)) : buf_append_char(&whole, *body);
    enum error_code code = codec_parse_text(codec, buf_str(&whole), CODEC_GENERATE, &desk->request, &desk->error);
    buf_deinit(&whole);
    if (code == OK)
        code = documents_resolve(desk->port, STR("a"), &desk->request, on_done, desk, &desk->wait, &desk->error);
    if (code != OK || !desk->wait)
        return code;
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    assert_true(desk->is_done);
    return desk->error.code;
}

#define BODY(blocks) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Read.\"}," blocks "]}]}"
#define FILE_BLOCK(name, more) \
    "{\"document\":{\"name\":\"" name "\",\"format\":\"docx\"," more "\"source\":{\"bytes\":\"@\"}}}"

static void converse_documents_get_their_text(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    assert_int_equal(resolve(&desk, &converse_codec,
                             BODY(FILE_BLOCK("a", "") "," FILE_BLOCK("b", "\"context\":\"why\","))), OK);
    const struct chat_block *blocks = desk.request.messages[0].blocks;
    assert_str_equal(blocks[1].text, "words\n");
    assert_str_equal(blocks[2].text, "why\n\nwords\n");
    assert_str_equal(blocks[2].name, "b");
    assert_str_equal(desk.request.documents->text, "words\n");
    assert_string_equal(desk.request.last_document->where, "messages[0].content[2].document");
    assert_null(desk.request.documents->bytes.data);
    next_request(&desk);
    /* Known by now: nothing to wait for. */
    assert_int_equal(resolve(&desk, &nova_codec, BODY(FILE_BLOCK("a", ""))), OK);
    assert_false(desk.is_done);
    assert_str_equal(desk.request.messages[0].blocks[1].text, "words\n");
    struct extractor_counters counters;
    extractor_counters(desk.extractor, &counters);
    assert_int_equal(counters.extractions, 1);
    close_desk(&desk);
}

static void tool_results_get_theirs_in_place(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    assert_int_equal(
        resolve(&desk, &converse_codec,
                "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{}}}}]},"
                "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Go\"}]},{\"role\":\"assistant\","
                "\"content\":[{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"n\",\"input\":{}}}]},"
                "{\"role\":\"user\",\"content\":[{\"toolResult\":{"
                "\"toolUseId\":\"t\",\"content\":[{\"text\":\"first\"}," FILE_BLOCK("a", "") ",{\"document\":{\"name\":"
                "\"t\",\"format\":\"txt\",\"source\":{\"text\":\"plain\"}}},{\"text\":\"mid\"},"
                FILE_BLOCK("b", "\"context\":\"why\",") ",{\"text\":\"last\"}]}},{\"text\":\"Read.\"}]}]}"), OK);
    struct str text;
    assert_true(chat_result_text(&desk.request.messages[2].blocks[0], &desk.arena, &text));
    assert_str_equal(text, "first\nwords\n\nplain\nmid\nwhy\n\nwords\n\nlast");
    close_desk(&desk);
}

static void html_is_read_like_files(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    assert_int_equal(resolve(&desk, &converse_codec,
                             BODY("{\"document\":{\"name\":\"a\",\"format\":\"html\",\"source\":{\"bytes\":"
                                  "\"PHA+aGk8L3A+\"}}},{\"document\":{\"name\":\"b\",\"format\":\"html\",\"source\":{"
                                  "\"text\":\"<meta charset=windows-1252>caf\xC3\xA9\"}}}")), OK);
    assert_str_equal(desk.request.messages[0].blocks[1].text, "hi");
    assert_str_equal(desk.request.messages[0].blocks[2].text, "café");
    close_desk(&desk);
}

#define ANTHROPIC "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9"
#define DOCX_TYPE "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

static void anthropic_documents_get_their_text(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    assert_int_equal(resolve(&desk, &anthropic_codec,
                             "{" ANTHROPIC ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\","
                             "\"title\":\"T\",\"context\":\"c\",\"source\":{\"type\":\"base64\","
                             "\"media_type\":\"" DOCX_TYPE "\",\"data\":\"@\"}},"
                             "{\"type\":\"text\",\"text\":\"Read.\"}]}]}"), OK);
    assert_str_equal(desk.request.messages[0].blocks[0].text, "c\n\nwords\n");
    close_desk(&desk);
}

static void what_is_wrong_names_the_block(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    static const char body[] = BODY(FILE_BLOCK(
        "a", "") ",{\"document\":{\"name\":\"x\",\"format\":\"xlsx\",\"source\":{\"bytes\":\"aaaa\"}}}");
    for (int round = 0; round < 2; round++) { /* read, and remembered */
        assert_int_equal(resolve(&desk, &converse_codec, body), ERROR_INVALID);
        assert_string_equal(desk.error.message, "messages[0].content[2].document.source: the file is damaged: it is "
                                                "not a zip archive");
        next_request(&desk);
    }
    close_desk(&desk);
}

static void a_request_that_goes_away_waits_no_more(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    struct buf body;
    buf_init(&body, 1u << 20);
    buf_append_text(&body, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Read.\"},"
                           "{\"document\":{\"name\":\"a\",\"format\":\"docx\",\"source\":{\"bytes\":\"");
    buf_append_str(&body, buf_str(&docx));
    buf_append_text(&body, "\"}}}]}]}");
    assert_int_equal(codec_parse_text(&converse_codec, buf_str(&body), CODEC_COUNT, &desk.request, &desk.error), OK);
    const struct str tenant = STR("a");
    assert_int_equal(documents_resolve(desk.port, tenant, &desk.request, on_done, &desk, &desk.wait, &desk.error), OK);
    assert_non_null(desk.wait);
    documents_cancel(desk.wait);
    documents_cancel(NULL);
    uv_run(&desk.loop, UV_RUN_NOWAIT);
    assert_false(desk.is_done);
    buf_deinit(&body);
    close_desk(&desk);
}

static void limits_of_documents(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct desk desk;
    open_desk(&desk);
    limits_in_force.message_documents = 1;
    assert_int_equal(resolve(&desk, &converse_codec, BODY(FILE_BLOCK("a", "") "," FILE_BLOCK("b", ""))),
                     ERROR_INVALID);
    assert_string_equal(desk.error.message,
                        "messages[0].content: 2 documents are more than the limit of 1 in a message");
    next_request(&desk);
    limits_in_force.document_bytes = 10;
    assert_int_equal(resolve(&desk, &converse_codec, BODY(FILE_BLOCK("a", ""))), ERROR_INVALID);
    assert_non_null(strstr(desk.error.message, "more than the limit of 10"));
    limits_in_force = before;
    close_desk(&desk);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "extract") == 0)
        return child_main(argc - 1, argv + 1);
    const struct fixture_part part = DOCX_BODY(P("words"));
    struct buf file;
    buf_init(&file, 1u << 20);
    buf_init(&docx, 1u << 20);
    make_package(&part, 1, &file);
    buf_append_base64(&docx, file.data, file.len);
    buf_deinit(&file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse_documents_get_their_text),
        cmocka_unit_test(tool_results_get_theirs_in_place),
        cmocka_unit_test(html_is_read_like_files),
        cmocka_unit_test(anthropic_documents_get_their_text),
        cmocka_unit_test(what_is_wrong_names_the_block),
        cmocka_unit_test(a_request_that_goes_away_waits_no_more),
        cmocka_unit_test(limits_of_documents),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_deinit(&docx);
    return failed;
}
