/* Converse: what a body means, and what is wrong with one. */
#include "body_fixture.h"

#include "api/bedrock/converse.h"
#include "core/limits.h"

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]"

static void parse(struct parsed *parsed, const char *body)
{
    parsed_init(parsed, true);
    parsed->code = codec_parse_text(&converse_codec, str_of(body), CODEC_GENERATE, &parsed->request, &parsed->error);
}

static void parse_ok(struct parsed *parsed, const char *body)
{
    parse(parsed, body);
    if (parsed->code != OK)
        print_error("%s\n  in %s\n", parsed->error.message, body);
    assert_int_equal(parsed->code, OK);
}

/* The body is refused with a message that begins with `message`. */
static void refused(const char *body, const char *message)
{
    struct parsed parsed;
    parse(&parsed, body);
    assert_null(parsed.request.document);
    release_refused(&parsed, message);
}

static void content_refused(const char *content, const char *message)
{
    char body[2048];
    (void)snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", content);
    refused(body, message);
}

static void member_refused(const char *member, const char *message)
{
    char body[4096];
    (void)snprintf(body, sizeof(body), "{" HELLO ",%s}", member);
    refused(body, message);
}

static void a_full_request_is_understood(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed,
             "{\"system\":[{\"text\":\"Be brief.\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],"
             "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},"
             "{\"cachePoint\":{\"type\":\"default\"}}]},{\"role\":\"assistant\","
             "\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"s\"}}},"
             "{\"toolUse\":{\"toolUseId\":\"t.1\",\"name\":\"look\",\"input\":{\"a\" : 1}}}]},{\"role\":\"user\","
             "\"content\":[{\"toolResult\":{\"toolUseId\":\"t.1\",\"status\":\"error\","
             "\"content\":[{\"json\":{\"b\": [1, 2]}},{\"text\":\"and\"}]}}]}],\"inferenceConfig\":{\"maxTokens\":7,"
             "\"temperature\":0.5,\"topP\":0,\"stopSequences\":[\"a\",\"b\"]},"
             "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"look\",\"description\":\"Looks.\","
             "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}],\"toolChoice\":{\"tool\":{\"name\":\"look\"}}},"
             "\"additionalModelRequestFields\":{\"top_k\":5,\"seed\":3,\"cache_salt\":\"x\"},"
             "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"],\"requestMetadata\":{\"team\":\"a b\"},"
             "\"performanceConfig\":{\"latency\":\"standard\"},\"serviceTier\":{\"type\":\"flex\"},"
             "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
             "\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\"}\",\"name\":\"n\"}}}}}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(chat_request_check(request, &parsed.error), OK);
    assert_int_equal(request->system_count, 2);
    assert_int_equal(request->system[1].kind, CHAT_CACHE_POINT);
    assert_int_equal(request->system[1].ttl_seconds, 3600);
    assert_int_equal(request->messages[0].blocks[1].ttl_seconds, 300);
    assert_int_equal(request->message_count, 3);
    const struct chat_message *answer = &request->messages[1], *result = &request->messages[2];
    assert_int_equal(answer->blocks[0].kind, CHAT_REASONING);
    assert_str_equal(answer->blocks[1].json, "{\"a\":1}");
    assert_str_equal(result_text(&parsed.arena, &result->blocks[0]), "{\"b\":[1,2]}\nand");
    assert_true(result->blocks[0].is_error);
    assert_int_equal(request->max_tokens, 7);
    assert_true(request->sampling.temperature == 0.5 && request->sampling.top_p > 0);
    assert_int_equal(request->stop_count, 2);
    assert_int_equal(request->tool_choice, CHAT_TOOL_NAMED);
    assert_str_equal(request->tool_choice_name, "look");
    assert_int_equal(request->sampling.top_k, 5);
    assert_int_equal(request->sampling.seed, 3);
    assert_str_equal(request->cache_salt, "x");
    assert_int_equal(request->metadata_count, 1);
    assert_int_equal(request->tier, TIER_FLEX);
    assert_true(yyjson_is_obj(request->output_schema));
    release(&parsed);
}

/* Every tier has a name; batch is the tier of jobs, ultrafast one of OpenAI's: nobody may ask for them here. */
static void tiers_have_names(void **state)
{
    (void)state;
    struct error error;
    for (int tier = 0; tier < TIER_NAMES; tier++) {
        struct chat_request request = {.tier = TIER_DEFAULT};
        const char *name = tier_names[tier];
        assert_non_null(name);
        const bool is_elsewhere = tier == TIER_BATCH || tier == TIER_ULTRAFAST;
        const enum error_code code = converse_parse_tier(str_of(name), &request, &error);
        assert_int_equal(code, is_elsewhere ? ERROR_INVALID : OK);
        assert_int_equal(request.tier, is_elsewhere ? TIER_DEFAULT : tier);
    }
}

static void null_members_are_absent(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, "{" HELLO ",\"system\":null,\"inferenceConfig\":null,\"guardrailConfig\":null,\"toolConfig\":nul"
                                "l,"
                      "\"serviceTier\":null,\"requestMetadata\":null,\"outputConfig\":null}");
    assert_int_equal(parsed.request.max_tokens, 0);
    assert_false(parsed.request.has_tier);
    release(&parsed);
}

static void documents_become_text(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed,
             "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Read.\"},"
             "{\"document\":{\"name\":\"a file (1)\",\"format\":\"csv\",\"source\":{\"bytes\":\"YSxiCjEsMg==\"}}},"
             "{\"document\":{\"name\":\"b\",\"source\":{\"text\":\"plain\"},\"context\":\"why\"}},"
             "{\"document\":{\"name\":\"c\",\"source\":{\"content\":[{\"text\":\"x\"},{\"text\":\"y\"}]}}},"
             "{\"document\":{\"name\":\"d\",\"format\":\"html\",\"source\":{\"bytes\":\"PHA+aGk8L3A+\"}}},"
             "{\"searchResult\":{\"source\":\"s\",\"title\":\"t\",\"content\":[{\"text\":\"found\"}]}}]}]}");
    const struct chat_block *blocks = parsed.request.messages[0].blocks;
    assert_str_equal(blocks[1].text, "a,b\n1,2");
    assert_str_equal(blocks[1].name, "a file (1)");
    assert_str_equal(blocks[1].format, "csv");
    assert_str_equal(blocks[2].text, "why\n\nplain");
    assert_str_equal(blocks[3].text, "x\ny");
    assert_str_equal(blocks[4].text, ""); /* read later, by a process of its own */
    assert_str_equal(parsed.request.last_document->bytes, "<p>hi</p>");
    assert_str_equal(blocks[5].text, "s\nfound");
    release(&parsed);
}

static void file_body(struct str file, struct buf *body)
{
    buf_init(body, 4096);
    buf_append_text(body, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Read.\"},{\"document\":{"
                          "\"name\":\"d\",\"format\":\"txt\",\"source\":{\"bytes\":\"");
    buf_append_base64(body, file.data, file.len);
    buf_append_str(body, STR("\"}}}]}]}\0"));
}

static void text_reads_as(struct str file, const char *expected)
{
    struct buf body;
    struct parsed parsed;
    file_body(file, &body);
    parse_ok(&parsed, body.data);
    assert_str_equal(parsed.request.messages[0].blocks[1].text, expected);
    release(&parsed);
    buf_deinit(&body);
}

static void plain_documents_in_other_encodings(void **state)
{
    (void)state;
    text_reads_as(STR("caf\xC3\xA9"), "café");
    text_reads_as(STR("\xEF\xBB\xBF" "a;b"), "a;b");
    text_reads_as(STR("\xFF\xFE\xE9\0\n\0"), "é\n");
    text_reads_as(STR("\xFE\xFF\x20\xAC\xD8\x3D\xDE\x00"), "€😀");
    text_reads_as(STR("\xFF\xFE\0\0\xE9\0\0\0"), "é");
    text_reads_as(STR("a\0b\0c\0\n\0"), "abc\n");
    text_reads_as(STR("Stra\xDF" "e; 5 \x80"), "Straße; 5 €");
    text_reads_as(STR("\xE4\xF6\xFC\xDF"), "äöüß");
    text_reads_as(STR("caf\xC3\xA9, na\xC3\xAFve, cut \xE2\x82"), "café, naïve, cut \xEF\xBF\xBD");
    struct buf body;
    file_body(STR("\x93\xFA\x96{\x8C\xEA\x82\xCC\x81\x41"), &body); /* Shift_JIS, undeclared */
    refused(body.data, "messages[0].content[1].document.source: the document is not text in UTF-8, UTF-16");
    buf_deinit(&body);
    file_body(STR("\x89PNG\r\n\x1A\n\0\0\0\rIHDR"), &body);
    refused(body.data, "messages[0].content[1].document.source: the document is not text in UTF-8, UTF-16");
    buf_deinit(&body);
}

static void shape_errors_name_the_field(void **state)
{
    (void)state;
    refused("[1]", "the request body must be a JSON object, got an array");
    refused("{", "malformed JSON at line 1");
    refused("{}", "messages: required and missing");
    refused("{\"messages\":5}", "messages: expected an array, got a number");
    refused("{\"messages\":[7]}", "messages[0]: expected an object, got a number");
    refused("{\"messages\":[{\"content\":[{\"text\":\"a\"}]}]}", "messages[0].role: required and missing");
    refused("{\"messages\":[{\"role\":\"robot\",\"content\":[]}]}", "messages[0].role: must be one of user, assistant");
    refused("{\"messages\":[{\"role\":\"system\",\"content\":[{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[]}}]"
            "}]}",
            "messages[0].content: a message of the system can't hold toolResult");
    refused("{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content: required and missing");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content: must have at least one");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
            "messages[0].content: expected an array, got a string");
    refused("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}],\"name\":\"x\"}]}",
            "messages[0]: unknown member 'name'");
    refused("{" HELLO ",\"temperature\":1}", "unknown member 'temperature'");
    refused("{" HELLO ",\"system\":[{\"text\":\"\"}]}", "system[0].text: must not be blank");
    refused("{" HELLO ",\"system\":\"a\"}", "system: expected an array");
    refused("{" HELLO ",\"system\":[{\"image\":{}}]}", "system[0]: unknown member 'image'");
}

static void content_errors_name_the_field(void **state)
{
    (void)state;
    content_refused("{}", "messages[0].content[0]: exactly one of text, image");
    content_refused("{\"text\":\"a\",\"image\":{}}", "messages[0].content[0]: exactly one of");
    content_refused("{\"words\":\"a\"}", "messages[0].content[0]: unknown member 'words'");
    content_refused("{\"text\":1}", "messages[0].content[0].text: expected a string, got a number");
    content_refused("{\"text\":\" \\n\"}", "messages[0].content: text of the user must not be blank");
    content_refused("{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"aa\"}}}",
                    "messages[0].content[0].image: this model reads text only");
    content_refused("{\"video\":{}}", "messages[0].content[0].video: this model reads text only");
    content_refused("{\"audio\":{}}", "messages[0].content[0].audio: this model reads text only");
    content_refused("{\"guardContent\":{\"text\":{\"text\":\"a\"}}}",
                    "messages[0].content[0].guardContent: guardrails");
    content_refused("{\"toolAddition\":{}}", "messages[0].content[0].toolAddition: changing tools");
    content_refused("{\"toolUse\":{\"toolUseId\":\"a b\"}}", "messages[0].content[0].toolUse.toolUseId: may hold");
    content_refused("{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"n\"}}",
                    "messages[0].content[0].toolUse.input: required");
    content_refused("{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"n\",\"input\":{},\"type\":\"server_tool_use\"}}",
                    "messages[0].content[0].toolUse.type: server tools");
    content_refused("{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"n\",\"input\":{}}}",
                    "messages[0].content: a message of the user can't hold toolUse");
    content_refused("{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"image\":{}}]}}",
                    "messages[0].content[0].toolResult.content[0].image: this model reads text only");
    content_refused("{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[],\"status\":\"fine\"}}",
                    "messages[0].content[0].toolResult.status: must be one of success, error");
    content_refused("{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"text\":\"r\"}]}}",
                    "toolConfig: must be given with toolUse");
    content_refused("{\"reasoningContent\":{\"redactedContent\":\"!\"}}",
                    "messages[0].content[0].reasoningContent.redactedContent: is not base64");
}

static void document_errors_name_the_field(void **state)
{
    (void)state;
    content_refused("{\"document\":{\"name\":\"a\",\"format\":\"doc\",\"source\":{\"bytes\":\"aaaa\"}}}",
                    "messages[0].content[0].document.format: doc files cannot be read; send it as docx or pdf");
    content_refused("{\"document\":{\"name\":\"a\",\"format\":\"xls\",\"source\":{\"bytes\":\"aaaa\"}}}",
                    "messages[0].content[0].document.format: xls files cannot be read; send it as xlsx or csv");
    content_refused("{\"document\":{\"name\":\"a\",\"format\":\"gif\",\"source\":{\"text\":\"a\"}}}",
                    "messages[0].content[0].document.format: must be one of");
    content_refused("{\"document\":{\"name\":\"a\",\"source\":{\"bytes\":\"aaaa\"}}}",
                    "messages[0].content[0].document.format: required with source.bytes");
#define NAMES                                                                                                    \
    "messages[0].content[0].document.name: The document file name can only contain alphanumeric characters, "    \
    "whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one "    \
    "consecutive whitespace character."
    content_refused("{\"document\":{\"name\":\"a.b\",\"source\":{\"text\":\"a\"}}}", NAMES);
    content_refused("{\"document\":{\"name\":\"a  b\",\"source\":{\"text\":\"a\"}}}", NAMES);
    content_refused("{\"document\":{\"name\":\"a \\tb\",\"source\":{\"text\":\"a\"}}}", NAMES);
    content_refused("{\"document\":{\"name\":\"a\",\"source\":{\"s3Location\":{\"uri\":\"s3://a/b\"}}}}",
                    "messages[0].content[0].document.source.s3Location: documents from S3");
    content_refused("{\"document\":{\"name\":\"a\",\"format\":\"txt\",\"source\":{\"bytes\":\"a\"}}}",
                    "messages[0].content[0].document.source.bytes: is not base64");
    content_refused("{\"document\":{\"name\":\"a\",\"format\":\"txt\",\"source\":{\"bytes\":\"gYGBgQ==\"}}}",
                    "messages[0].content[0].document.source: the document is not text in UTF-8");
    content_refused("{\"document\":{\"name\":\"a\",\"source\":{\"text\":\"a\"},\"citations\":{\"enabled\":true}}}",
                    "messages[0].content[0].document.citations.enabled: citations are not");
    content_refused("{\"document\":{\"name\":\"a\",\"source\":{\"text\":\"a\"}}}",
                    "messages[0].content: a document needs a text block beside it");
}

static void cache_points_are_validated(void **state)
{
    (void)state;
#define POINT(ttl) "{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"" ttl "\"}}"
    content_refused("{\"cachePoint\":{}}", "messages[0].content[0].cachePoint.type: required");
    content_refused(POINT("2h"), "messages[0].content[0].cachePoint.ttl: must be one of 5m, 1h");
    content_refused("{\"text\":\"a\"}," POINT("5m") "," POINT("5m") "," POINT("5m") "," POINT("5m") "," POINT("5m"),
                    "messages[0].content[5].cachePoint: more than 4 cache points");
    content_refused("{\"text\":\"a\"}," POINT("5m") "," POINT("1h"),
                    "messages[0].content[2].cachePoint.ttl: a 1h cache point must not come after a 5m one");
    /* Tools come before system and messages, wherever they stand in the body. */
    member_refused("\"system\":[{\"text\":\"a\"}," POINT("1h") "],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":"
                                                               "\"n\","
                   "\"inputSchema\":{\"json\":{}}}}," POINT("5m") "]}",
                   "system[1].cachePoint.ttl: a 1h cache point must not come after");
    member_refused("\"toolConfig\":{\"tools\":[" POINT("5m") "]}",
                   "toolConfig.tools[0].cachePoint: must follow a tool");
}

static void a_card_bounds_times_to_live(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    struct chat_request request = {.arena = &arena, .cache_ttl_max_seconds = 300};
    const struct str hour = STR("{" HELLO ",\"system\":[{\"text\":\"a\"}," POINT("1h") "]}");
    const struct str minutes = STR("{" HELLO ",\"system\":[{\"text\":\"a\"}," POINT("5m") "]}");
    assert_int_equal(codec_parse_text(&converse_codec, hour, CODEC_GENERATE, &request, &error), ERROR_INVALID);
    assert_string_equal(error.message,
                        "system[1].cachePoint.ttl: this model keeps a cache point for 5 minutes at most; "
                        "leave ttl out");
    request = (struct chat_request){.arena = &arena, .cache_ttl_max_seconds = 300};
    assert_int_equal(codec_parse_text(&converse_codec, minutes, CODEC_GENERATE, &request, &error), OK);
    codec_request_free(&request);
    arena_deinit(&arena);
}

static void inference_errors_name_the_field(void **state)
{
    (void)state;
    member_refused("\"inferenceConfig\":{\"maxTokens\":0}", "inferenceConfig.maxTokens: must be between 1 and");
    member_refused("\"inferenceConfig\":{\"maxTokens\":1.5}", "inferenceConfig.maxTokens: expected an integer");
    member_refused("\"inferenceConfig\":{\"temperature\":1.1}", "inferenceConfig.temperature: must be between 0 and 1");
    member_refused("\"inferenceConfig\":{\"topP\":\"a\"}", "inferenceConfig.topP: expected a number, got a string");
    member_refused("\"inferenceConfig\":{\"stopSequences\":[\"\"]}",
                   "inferenceConfig.stopSequences[0]: expected a string");
    member_refused("\"inferenceConfig\":{\"stopSequences\":[1]}",
                   "inferenceConfig.stopSequences[0]: expected a string");
    member_refused("\"inferenceConfig\":{\"topK\":-1}", "inferenceConfig.topK: must be between");
    member_refused("\"inferenceConfig\":{\"minP\":1}", "inferenceConfig: unknown member 'minP'");
    member_refused("\"additionalModelRequestFields\":{\"thinking\":{}}",
                   "additionalModelRequestFields.thinking.type: required and missing");
    member_refused("\"additionalModelRequestFields\":{\"top_k\":-1}",
                   "additionalModelRequestFields.top_k: must be between");
    member_refused("\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":\"x\"}}",
                   "additionalModelRequestFields.inferenceConfig.topK: expected an integer");
}

/* Strict tools with any choice; at most one call, asked for as clients of the Anthropic body do. */
static void strict_and_single_calls(void **state)
{
    (void)state;
    static const char spec[] = "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"strict\":true,"
                               "\"inputSchema\":{\"json\":{}}}},{\"toolSpec\":{\"name\":\"m\",\"inputSchema\":{"
                               "\"json\":{}}}}]%s},\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":\"%s\","
                               "\"disable_parallel_tool_use\":%s}}";
    static const struct {
        const char *outer, *inner, *single;
        enum chat_tool_choice choice;
    } cases[] = {{"", "auto", "true", CHAT_TOOL_AUTO},
                 {"", "any", "false", CHAT_TOOL_ANY},
                 {",\"toolChoice\":{\"any\":{}}", "auto", "true", CHAT_TOOL_ANY}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parsed parsed;
        char members[1024], body[2048];
        snprintf(members, sizeof(members), spec, cases[i].outer, cases[i].inner, cases[i].single);
        snprintf(body, sizeof(body), "{" HELLO ",%s}", members);
        parse_ok(&parsed, body);
        assert_true(parsed.request.tools[0].is_strict && !parsed.request.tools[1].is_strict);
        assert_int_equal(parsed.request.tool_choice, cases[i].choice);
        assert_int_equal(parsed.request.is_single_call, cases[i].single[0] == 't');
        release(&parsed);
    }
}

static void tool_errors_name_the_field(void **state)
{
    (void)state;
#define SPEC(more) "{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{}}" more "}}"
    member_refused("\"toolConfig\":{}", "toolConfig.tools: required and missing");
    member_refused("\"toolConfig\":{\"tools\":[]}", "toolConfig.tools: must have 1 to");
    member_refused("\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":\"n\"}}]}",
                   "toolConfig.tools[0].systemTool: system tools");
    member_refused("\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"a b\"}}]}",
                   "toolConfig.tools[0].toolSpec.name: may hold");
    member_refused("\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\"}}]}",
                   "toolConfig.tools[0].toolSpec.inputSchema: required");
    member_refused("\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":1}}}]}",
                   "toolConfig.tools[0].toolSpec.inputSchema.json: expected an object");
    member_refused("\"toolConfig\":{\"tools\":[" SPEC(",\"description\":\"\"") "]}",
                   "toolConfig.tools[0].toolSpec.description: must have at least 1");
    member_refused("\"toolConfig\":{\"tools\":[" SPEC(",\"strict\":1") "]}",
                   "toolConfig.tools[0].toolSpec.strict: expected a boolean");
    member_refused("\"toolConfig\":{\"tools\":[" SPEC("") "],\"toolChoice\":{\"auto\":{},\"any\":{}}}",
                   "toolConfig.toolChoice: exactly one of auto, any, tool");
    member_refused("\"toolConfig\":{\"tools\":[" SPEC("") "],\"toolChoice\":{\"tool\":{}}}",
                   "toolConfig.toolChoice.tool.name: required");
    member_refused("\"toolConfig\":{\"tools\":[" SPEC("") "],\"tool_choice\":{}}",
                   "toolConfig: unknown member 'tool_choice'");
}

static void what_is_not_there_is_refused(void **state)
{
    (void)state;
    member_refused("\"guardrailConfig\":{\"guardrailIdentifier\":\"a\"}",
                   "guardrailConfig: guardrails are not supported");
    member_refused("\"promptVariables\":{}", "promptVariables: managed prompts are not supported");
    member_refused("\"performanceConfig\":{\"latency\":\"optimized\"}",
                   "performanceConfig.latency: optimized is not supported");
    member_refused("\"performanceConfig\":{\"latency\":\"slow\"}", "performanceConfig.latency: must be one of");
    member_refused("\"serviceTier\":{\"type\":\"gold\"}", "service tier provided is invalid");
    member_refused("\"serviceTier\":{}", "serviceTier.type: required and missing");
    member_refused("\"outputConfig\":{\"effort\":\"high\"}", "outputConfig.effort: is not supported");
    member_refused("\"outputConfig\":{\"textFormat\":{\"type\":\"xml\"}}",
                   "outputConfig.textFormat.type: must be one of");
    member_refused("\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema"
                   "\":\"{\"}}}}",
                   "outputConfig.textFormat.structure.jsonSchema.schema: malformed JSON");
    member_refused("\"additionalModelResponseFieldPaths\":[\"\"]",
                   "additionalModelResponseFieldPaths[0]: expected a JSON pointer");
    member_refused("\"additionalModelResponseFieldPaths\":[\"/a\",\"/b~2\"]",
                   "additionalModelResponseFieldPaths[1]: expected");
    member_refused("\"additionalModelResponseFieldPaths\":[1,2,3,4,5,6,7,8,9,10,11]",
                   "additionalModelResponseFieldPaths: must have at most 10");
    member_refused("\"requestMetadata\":{}", "requestMetadata: must have 1 to 16");
    member_refused("\"requestMetadata\":{\"a\":1}", "requestMetadata: value 0 must be a string");
    member_refused("\"requestMetadata\":{\"a!\":\"1\"}", "requestMetadata: key 0 must have");
}

/* Every request body that another gateway sends to the service is understood, or refused for a reason. */
static void captured_requests_parse(void **state)
{
    (void)state;
    static const struct {
        const char *name, *refusal;
    } rows[] = {
        {"completions/basic", NULL},
        {"completions/full", "toolConfig: unknown member 'tool_choice'"},
        {"completions/parallel-tool-call", NULL},
        {"completions/reasoning", "additionalModelRequestFields.thinking: this model does not think"},
        {"completions/reasoning_replay", NULL},
        {"completions/reasoning_replay_unsigned", NULL},
        {"completions/tool-call", NULL},
        {"messages/basic", NULL},
        {"messages/metadata", NULL},
        {"messages/reasoning", "additionalModelRequestFields.thinking: this model does not think"},
        {"messages/reasoning_replay", NULL},
        {"messages/server_tools", NULL},
        {"messages/structured-output", "additionalModelRequestFields.output_config.effort: is not supported"},
        {"messages/system_message", NULL},
        {"messages/tool_history_without_tools", "messages[0]: a conversation must start with a user message"},
        {"messages/tools", NULL},
        {"responses/basic", NULL},
        {"responses/input-list", NULL},
        {"responses/input-media", "messages[0].content[1].image: this model reads text only"},
        {"responses/instructions", NULL},
        {"responses/parallel-tool-call", NULL},
        {"responses/structured-output", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-requests/%s.bedrock.snap", rows[i].name);
        struct str file = shared_file_or_skip(path);
        ptrdiff_t at = str_find(file, STR("\n---\n{"), 0);
        assert_true(at > 0);
        yyjson_doc *doc;
        struct error error;
        assert_int_equal(json_parse(str_slice(file, (size_t)at + 5, file.len), &doc, &error), OK);
        struct buf body;
        buf_init(&body, 1 << 20);
        json_append(&body, yyjson_obj_get(yyjson_doc_get_root(doc), "request"));
        buf_append_char(&body, '\0');
        struct parsed parsed;
        parse(&parsed, body.data);
        if (rows[i].refusal)
            assert_true(parsed.code == ERROR_INVALID &&
                        str_starts(str_of(parsed.error.message), str_of(rows[i].refusal)));
        else if (parsed.code != OK)
            fail_msg("%s: %s", rows[i].name, parsed.error.message);
        release(&parsed);
        buf_deinit(&body);
        json_free(doc);
        mem_free((void *)(uintptr_t)file.data);
    }
}

static void content_blocks_are_counted_before_memory_is_taken(void **state)
{
    (void)state;
    uint64_t before = limits_in_force.content_blocks;
    limits_in_force.content_blocks = 2;
    content_refused("{\"text\":\"a\"},{\"text\":\"b\"},{\"text\":\"c\"}",
                    "messages[0].content: more than the limit of 2 content blocks");
    limits_in_force.content_blocks = before;
}

static void counting_takes_the_prompts_members_only(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    arena_init(&parsed.arena, 0);
    parsed.request.arena = &parsed.arena;
    assert_int_equal(
        codec_parse_text(&converse_codec, STR("{" HELLO "}"), CODEC_COUNT, &parsed.request, &parsed.error), OK);
    release(&parsed);
    parsed = (struct parsed){0};
    arena_init(&parsed.arena, 0);
    parsed.request.arena = &parsed.arena;
    assert_int_equal(codec_parse_text(&converse_codec, STR("{" HELLO ",\"inferenceConfig\":{}}"), CODEC_COUNT,
                                      &parsed.request, &parsed.error),
                     ERROR_INVALID);
    release(&parsed);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"},{\"document\":{\"name\":\"d\","
        "\"format\":\"html\",\"source\":{\"bytes\":\"PHA+aGk8L3A+\"},\"context\":\"c\"}}]}],"
        "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
        "\"structure\":{\"jsonSchema\":{\"schema\":\"{}\"}}}},\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\""
        "n\",\"inputSchema\":{\"json\":{}}}}]},\"requestMetadata\":{\"a\":\"b\"}}";
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct parsed parsed;
        mem_fail_at(nth);
        parse(&parsed, body);
        bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        assert_int_equal(parsed.code == OK, is_untouched);
        release(&parsed);
        if (is_untouched)
            return;
    }
    fail_msg("allocations never ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_request_is_understood),
        cmocka_unit_test(null_members_are_absent),
        cmocka_unit_test(tiers_have_names),
        cmocka_unit_test(documents_become_text),
        cmocka_unit_test(plain_documents_in_other_encodings),
        cmocka_unit_test(shape_errors_name_the_field),
        cmocka_unit_test(content_errors_name_the_field),
        cmocka_unit_test(document_errors_name_the_field),
        cmocka_unit_test(cache_points_are_validated),
        cmocka_unit_test(a_card_bounds_times_to_live),
        cmocka_unit_test(inference_errors_name_the_field),
        cmocka_unit_test(strict_and_single_calls),
        cmocka_unit_test(tool_errors_name_the_field),
        cmocka_unit_test(what_is_not_there_is_refused),
        cmocka_unit_test(captured_requests_parse),
        cmocka_unit_test(content_blocks_are_counted_before_memory_is_taken),
        cmocka_unit_test(counting_takes_the_prompts_members_only),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
