/* What requests need of their target, in every dialect: a target that takes it gets all of it, and one that does not
 * refuses the request with the sentence of what came first. */
#include "body_fixture.h"

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "chat/traits.h"
#include "core/limits.h"

#define ANTHROPIC "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":2000"
#define CONVERSE_HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define EVERYTHING UINT32_MAX

static void parse_open(struct parsed *parsed, const struct codec *codec, const char *body)
{
    parsed_init(parsed, false);
    parsed->request.is_target_unknown = true;
    parsed->code = codec_parse_text(codec, str_of(body), CODEC_GENERATE, &parsed->request, &parsed->error);
}

static const char *fits(const struct parsed *parsed, uint32_t takes, struct error *error)
{
    const struct chat_traits traits = {.takes = takes};
    *error = (struct error){0};
    return chat_request_fits(&parsed->request, &traits, error) == OK ? "" : error->message;
}

/* The body needs that and nothing else. */
static void needs(const struct codec *codec, const char *body, uint32_t bits, const char *refusal)
{
    struct parsed parsed;
    struct error error;
    parse_open(&parsed, codec, body);
    if (parsed.code != OK)
        fail_msg("%s\n  in %s", parsed.error.message, body);
    if (parsed.request.needs != bits)
        fail_msg("needs %x, not %x: %s", (unsigned)parsed.request.needs, (unsigned)bits, body);
    assert_string_equal(fits(&parsed, EVERYTHING, &error), "");
    assert_string_equal(fits(&parsed, bits, &error), "");
    assert_string_equal(fits(&parsed, ~bits, &error), refusal);
    release(&parsed);
    /* A model of this program refuses it at once, in the same words. */
    parsed_init(&parsed, false);
    parsed.code = codec_parse_text(codec, str_of(body), CODEC_GENERATE, &parsed.request, &parsed.error);
    assert_int_equal(parsed.code, bits ? ERROR_INVALID : OK);
    assert_string_equal(parsed.error.message, refusal);
    release(&parsed);
}

static void content_needs(const char *content, uint32_t bits, const char *refusal)
{
    char body[2048];
    (void)snprintf(body, sizeof(body),
                   "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Look.\"},%s]}],\"toolConfig\":{\"tools"
                   "\":"
                   "[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{}}}}]}}", content);
    needs(&converse_codec, body, bits, refusal);
}

static void anthropic_needs(const char *content, uint32_t bits, const char *refusal)
{
    char body[2048];
    (void)snprintf(body, sizeof(body), "{" ANTHROPIC ",\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", content);
    needs(&anthropic_codec, body, bits, refusal);
}

static void chat_needs(const char *content, uint32_t bits, const char *refusal)
{
    char body[2048];
    (void)snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", content);
    needs(&chat_codec, body, bits, refusal);
}

static void ordinary_requests_need_nothing(void **state)
{
    (void)state;
    needs(&converse_codec, "{" CONVERSE_HELLO ",\"system\":[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}]}",
          0, "");
    needs(&anthropic_codec, "{" ANTHROPIC "," HELLO "}", 0, "");
    needs(&chat_codec, "{" HELLO "}", 0, "");
    needs(&nova_codec, "{" CONVERSE_HELLO "}", 0, "");
    needs(&cohere_codec, "{\"message\":\"Hi\"}", 0, "");
}

static void converse_blocks(void **state)
{
    (void)state;
    content_needs("{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAA\"}}}", CHAT_NEED_IMAGES,
                  "messages[0].content[1].image: this model reads text only");
    content_needs("{\"video\":{\"format\":\"mp4\",\"source\":{\"bytes\":\"AAAA\"}}}", CHAT_NEED_VIDEO,
                  "messages[0].content[1].video: this model reads text only");
    content_needs("{\"audio\":{\"format\":\"mp3\",\"source\":{\"s3Location\":{\"uri\":\"s3://b/k\"}}}}",
                  CHAT_NEED_AUDIO | CHAT_NEED_FILES_ELSEWHERE,
                  "messages[0].content[1].audio: this model reads text only");
    content_needs("{\"document\":{\"name\":\"d\",\"format\":\"doc\",\"source\":{\"bytes\":\"AAAA\"}}}",
                  CHAT_NEED_FILES_UNREAD,
                  "messages[0].content[1].document.format: doc files cannot be read; send it as docx or pdf");
    content_needs("{\"document\":{\"name\":\"d\",\"source\":{\"s3Location\":{\"uri\":\"s3://b/k\"}}}}",
                  CHAT_NEED_FILES_ELSEWHERE,
                  "messages[0].content[1].document.source.s3Location: documents from S3 are not supported; send bytes "
                  "or text");
    content_needs("{\"guardContent\":{\"text\":{\"text\":\"g\"}}}", CHAT_NEED_GUARDRAILS,
                  "messages[0].content[1].guardContent: guardrails are not supported by this server");
    content_needs("{\"toolAddition\":{\"tool\":{}}}", CHAT_NEED_TOOL_CHANGES,
                  "messages[0].content[1].toolAddition: changing tools inside a conversation is not supported by this "
                  "model");
    content_needs("{\"toolResult\":{\"toolUseId\":\"t\",\"content\":[{\"text\":\"r\"},{\"image\":{\"format\":\"png\","
                  "\"source\":{\"bytes\":\"AAAA\"}}}]}}",
                  CHAT_NEED_IMAGES, "messages[0].content[1].toolResult.content[1].image: this model reads text only");
    content_needs("{\"toolResult\":{\"toolUseId\":\"t\",\"type\":\"x\",\"content\":[]}}", CHAT_NEED_SERVER_TOOLS,
                  "messages[0].content[1].toolResult.type: server tools are not supported by this model");
}

static void anthropic_blocks(void **state)
{
    (void)state;
    anthropic_needs("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAA"
                    "\"}}",
                    CHAT_NEED_IMAGES, "messages[0].content[0]: image: this model reads text only");
    anthropic_needs("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y\"}}",
                    CHAT_NEED_IMAGES | CHAT_NEED_FILES_ELSEWHERE,
                    "messages[0].content[0]: image: this model reads text only");
    anthropic_needs("{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}",
                    CHAT_NEED_FILES_ELSEWHERE,
                    "messages[0].content[0].source.type: file is not supported by this server; send base64 or text");
    anthropic_needs("{\"type\":\"container_upload\",\"file_id\":\"f\"}", CHAT_NEED_OTHER_BLOCKS,
                    "messages[0].content[0].type: 'container_upload' blocks are not supported by this model");
    needs(&anthropic_codec, "{" ANTHROPIC "," HELLO ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]}",
          CHAT_NEED_SERVER_TOOLS, "tools[0].type: only custom tools are supported by this model");
    needs(&anthropic_codec, "{" ANTHROPIC "," HELLO ",\"mcp_servers\":[{\"url\":\"u\"}]}", CHAT_NEED_CONNECTORS,
          "mcp_servers: MCP servers are not called by this server; call them yourself and send toolUse blocks");
}

static void chat_parts(void **state)
{
    (void)state;
    chat_needs("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}", CHAT_NEED_IMAGES,
               "messages[0].content[0].type: image_url: this model reads text only");
    chat_needs("{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}",
               CHAT_NEED_IMAGES | CHAT_NEED_FILES_ELSEWHERE,
               "messages[0].content[0].type: image_url: this model reads text only");
    chat_needs("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}", CHAT_NEED_AUDIO,
               "messages[0].content[0].type: input_audio: this model reads text only");
    chat_needs("{\"type\":\"hologram\"}", CHAT_NEED_OTHER_BLOCKS,
               "messages[0].content[0].type: hologram: this model reads text only");
    needs(&chat_codec, "{" HELLO ",\"logit_bias\":{\"1\":2}}", CHAT_NEED_TOKEN_BIAS,
          "logit_bias: tokens can't be made likelier by their numbers here");
}

static void who_begins_is_a_rule_of_dialects(void **state)
{
    (void)state;
    static const char body[] = "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]}]}";
    static const char refusal[] = "messages[0]: a conversation must start with a user message. Try again with a "
                                  "conversation that starts with a user message.";
    needs(&converse_codec, body, CHAT_NEED_ASSISTANT_FIRST, refusal);
    needs(&nova_codec, body, CHAT_NEED_ASSISTANT_FIRST, refusal);
    needs(&chat_codec, "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}", CHAT_NEED_ASSISTANT_FIRST,
          refusal);
}

/* A picture has its bytes as they were sent, wherever it stands. */
static void media_point_into_the_body(void **state)
{
    (void)state;
    static const struct {
        const struct codec *codec;
        const char *body;
    } rows[] = {
        {&converse_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"png\",\"source\":"
                          "{\"bytes\":\"iVBORw0=\"}}}]}]}"},
        {&anthropic_codec, "{" ANTHROPIC ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source"
                                         "\":"
                           "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0=\"}}]}]}"},
        {&chat_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                      "\"data:image/png;base64,iVBORw0=\",\"detail\":\"low\"}}]}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed;
        parse_open(&parsed, rows[i].codec, rows[i].body);
        assert_int_equal(parsed.code, OK);
        const struct chat_block *block = &parsed.request.messages[0].blocks[0];
        assert_int_equal(block->kind, CHAT_IMAGE);
        assert_int_equal(block->source, CHAT_SOURCE_BASE64);
        assert_str_equal(block->format, "png");
        assert_str_equal(block->data, "iVBORw0=");
        assert_true(yyjson_is_obj(block->raw));
        assert_ptr_equal(parsed.request.origin, rows[i].codec);
        release(&parsed);
    }
}

/* What can't be served comes before what is wrong behind it, and after what is wrong before it. */
static void the_first_fault_of_the_body_is_told(void **state)
{
    (void)state;
    struct parsed parsed;
    static const char *const bodies[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":{}},{\"text\":1}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":1},{\"image\":{}}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"video\":{\"format\":\"mp4\",\"source\":{\"bytes\":\"AA==\"}"
        "}},"
        "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AA==\"}}}]}]}",
    };
    static const char *const messages[] = {
        "messages[0].content[0].image: this model reads text only",
        "messages[0].content[0].text: expected a string, got a number",
        "messages[0].content[0].video: this model reads text only",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        parsed_init(&parsed, false);
        parsed.code = codec_parse_text(&converse_codec, str_of(bodies[i]), CODEC_GENERATE, &parsed.request,
                                       &parsed.error);
        assert_null(parsed.request.document);
        release_refused(&parsed, messages[i]);
    }
    /* A body that can't be read goes nowhere, so it is refused as by a model of this program whoever might be asked. */
    struct error error;
    parse_open(&parsed, &converse_codec, bodies[0]);
    assert_string_equal(parsed.error.message, messages[0]);
    assert_string_equal(fits(&parsed, 0, &error), messages[0]);
    assert_string_equal(fits(&parsed, CHAT_NEED_IMAGES, &error), "");
    release(&parsed);
    parse_open(&parsed, &converse_codec, bodies[2]);
    assert_string_equal(fits(&parsed, CHAT_NEED_VIDEO, &error),
                        "messages[0].content[1].image: this model reads text only");
    release(&parsed);
}

/* What a target takes is not called ignored. */
static void a_target_that_thinks_ignores_no_thinking(void **state)
{
    (void)state;
    struct parsed parsed;
    struct error error;
    parse_open(&parsed, &anthropic_codec,
               "{" ANTHROPIC "," HELLO ",\"thinking\":{\"type\":\"adaptive\"},\"speed\":\"fast\","
               "\"output_config\":{\"effort\":\"low\"}}");
    assert_int_equal(parsed.code, OK);
    assert_int_equal(parsed.request.needs, 0);
    assert_int_equal(parsed.request.wants, CHAT_NEED_THINKING | CHAT_NEED_EFFORT);
    assert_string_equal(fits(&parsed, 0, &error), "");
    assert_str_equal(ignored_list(&parsed.ignored), "speed, thinking, output_config.effort");
    const struct chat_traits thinks = {.takes = CHAT_NEED_THINKING}, all = {.takes = EVERYTHING};
    chat_request_goes_to(&parsed.request, &thinks);
    assert_str_equal(ignored_list(&parsed.ignored), "speed, output_config.effort");
    chat_request_goes_to(&parsed.request, &all);
    assert_null(ignored_list(&parsed.ignored).data);
    release(&parsed);
}

static void members_that_nobody_reads_are_kept(void **state)
{
    (void)state;
    static const struct {
        const struct codec *codec;
        const char *body, *extras;
    } rows[] = {
        {&converse_codec,
         "{" CONVERSE_HELLO ",\"newMember\":1,\"gone\":null,\"guardrailConfig\":{},\"inferenceConfig\":{\"maxTokens\":"
                            "3,"
         "\"minP\":1},\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"disabled\"}}}",
         "newMember=1;guardrailConfig={};additionalModelRequestFields={\"thinking\":{\"type\":\"disabled\"}};"
         "inferenceConfig.minP=1;"},
        {&anthropic_codec, "{" ANTHROPIC "," HELLO ",\"speed\":\"fast\",\"metadata\":{\"user_id\":\"u\"}}",
         "anthropic_version=\"bedrock-2023-05-31\";speed=\"fast\";metadata={\"user_id\":\"u\"};"},
        {&chat_codec, "{" HELLO ",\"reasoning_effort\":\"low\",\"presence_penalty\":0.5,\"n\":1}",
         "reasoning_effort=\"low\";presence_penalty=0.5;n=1;"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed;
        struct buf list;
        parse_open(&parsed, rows[i].codec, rows[i].body);
        buf_init(&list, 1 << 16);
        assert_int_equal(parsed.code, OK);
        for (const struct chat_extra *extra = parsed.request.extras; extra; extra = extra->next) {
            buf_appendf(&list, "%s%s" STR_FMT "=", extra->where, *extra->where ? "." : "", STR_ARG(extra->name));
            json_append(&list, extra->raw);
            buf_append_char(&list, ';');
        }
        assert_str_equal(buf_str(&list), rows[i].extras);
        buf_deinit(&list);
        release(&parsed);
    }
}

static void extras_are_bounded(void **state)
{
    (void)state;
    struct parsed parsed;
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{" CONVERSE_HELLO);
    for (int i = 0; i < LIMIT_EXTRAS + 1; i++)
        buf_appendf(&body, ",\"m%d\":1", i);
    buf_append_text(&body, "}");
    buf_append_char(&body, '\0');
    parse_open(&parsed, &converse_codec, body.data);
    assert_int_equal(parsed.code, OK);
    assert_int_equal(parsed.request.extra_count, LIMIT_EXTRAS);
    assert_true(parsed.request.is_extra_lost);
    release(&parsed);
    buf_deinit(&body);
}

/* Results stay what they are; templates make one text of them. */
static void results_keep_their_structure(void **state)
{
    (void)state;
    struct parsed parsed;
    parsed_init(&parsed, true);
    parsed.code = codec_parse_text(
        &converse_codec,
        STR("{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{}}}}]},\"messages\":["
            "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t\",\"content\":[{\"json\":{\"a\": 1.50}"
            "},"
            "{\"text\":\"b\"},{\"searchResult\":{\"source\":\"s\",\"title\":\"t\",\"content\":[{\"text\":\"f\"}]}},"
            "{\"document\":{\"name\":\"d\",\"source\":{\"text\":\"w\"}}}]}},"
            "{\"toolResult\":{\"toolUseId\":\"u\",\"content\":[]}},"
            "{\"toolResult\":{\"toolUseId\":\"v\",\"content\":[{\"text\":\"one\"}]}}]}]}"),
        CODEC_GENERATE, &parsed.request, &parsed.error);
    assert_int_equal(parsed.code, OK);
    const struct chat_block *results = parsed.request.messages[0].blocks;
    static const enum chat_block_kind kinds[] = {CHAT_JSON, CHAT_TEXT, CHAT_SEARCH_RESULT, CHAT_DOCUMENT};
    assert_int_equal(results[0].content_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(results[0].content[i].kind, kinds[i]);
    assert_str_equal(results[0].content[2].link, "s");
    assert_str_equal(results[0].content[3].name, "d");
    assert_str_equal(result_text(&parsed.arena, &results[0]), "{\"a\":1.50}\nb\ns\nf\nw");
    assert_str_equal(result_text(&parsed.arena, &results[1]), "");
    assert_ptr_equal(result_text(&parsed.arena, &results[2]).data, results[2].content[0].text.data);
    release(&parsed);
}

static void items_of_results_are_counted(void **state)
{
    (void)state;
    uint64_t before = limits_in_force.content_blocks;
    struct parsed parsed;
    limits_in_force.content_blocks = 2;
    parsed_init(&parsed, true);
    parsed.code = codec_parse_text(&converse_codec,
                                   STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":"
                                       "\"t\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"},{\"text\":\"c\"}]}}]}]}"),
                                   CODEC_GENERATE, &parsed.request, &parsed.error);
    release_refused(&parsed, "messages[0].content[0].toolResult.content: more than the limit of 2 content blocks");
    limits_in_force.content_blocks = before;
}

static void reasoning_and_citations_are_kept(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_open(&parsed, &converse_codec,
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":["
               "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"sig\"}}},"
               "{\"reasoningContent\":{\"redactedContent\":\"AAAA\"}},{\"citationsContent\":{\"content\":[{\"text\":"
               "\"c\"}],\"citations\":[{\"title\":\"T\",\"sourceContent\":[{\"text\":\"w\"}],\"location\":"
               "{\"documentPage\":{\"documentIndex\":1,\"start\":2,\"end\":3}}}]}}]}]}");
    assert_int_equal(parsed.code, OK);
    const struct chat_block *blocks = parsed.request.messages[1].blocks;
    assert_str_equal(blocks[0].text, "t");
    assert_str_equal(blocks[0].signature, "sig");
    assert_str_equal(blocks[1].data, "AAAA");
    assert_str_equal(blocks[2].text, "c");
    assert_int_equal(blocks[2].citation_count, 1);
    const struct chat_citation *citation = blocks[2].citations;
    assert_int_equal(citation->kind, CHAT_CITES_PAGES);
    assert_str_equal(citation->title, "T");
    assert_str_equal(citation->text, "w");
    assert_true(citation->index == 1 && citation->first == 2 && citation->last == 3);
    release(&parsed);
    parse_open(&parsed, &anthropic_codec,
               "{" ANTHROPIC ",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\""
                             ":["
               "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"sig\"},{\"type\":\"redacted_thinking\","
               "\"data\":\"AAAA\"},{\"type\":\"text\",\"text\":\"c\",\"citations\":[{\"type\":\"char_location\","
               "\"cited_text\":\"w\",\"document_index\":4,\"document_title\":\"T\",\"start_char_index\":5,"
               "\"end_char_index\":6}]}]}]}");
    assert_int_equal(parsed.code, OK);
    blocks = parsed.request.messages[1].blocks;
    assert_str_equal(blocks[0].signature, "sig");
    assert_str_equal(blocks[1].data, "AAAA");
    citation = blocks[2].citations;
    assert_int_equal(citation->kind, CHAT_CITES_CHARACTERS);
    assert_true(citation->index == 4 && citation->first == 5 && citation->last == 6);
    release(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_requests_need_nothing),
        cmocka_unit_test(converse_blocks),
        cmocka_unit_test(anthropic_blocks),
        cmocka_unit_test(chat_parts),
        cmocka_unit_test(who_begins_is_a_rule_of_dialects),
        cmocka_unit_test(media_point_into_the_body),
        cmocka_unit_test(the_first_fault_of_the_body_is_told),
        cmocka_unit_test(a_target_that_thinks_ignores_no_thinking),
        cmocka_unit_test(members_that_nobody_reads_are_kept),
        cmocka_unit_test(extras_are_bounded),
        cmocka_unit_test(results_keep_their_structure),
        cmocka_unit_test(items_of_results_are_counted),
        cmocka_unit_test(reasoning_and_citations_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
