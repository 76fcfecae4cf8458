/* The models' own bodies: Anthropic, Nova, Llama. */
#include "body_fixture.h"

#include "api/native/native.h"

#define VERSION "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"

static void parse(struct parsed *parsed, const struct codec *codec, const char *body, enum codec_use use)
{
    parsed_init(parsed, true);
    parsed->code = codec_parse_text(codec, str_of(body), use, &parsed->request, &parsed->error);
}

static void parse_ok(struct parsed *parsed, const struct codec *codec, const char *body)
{
    parse(parsed, codec, body, CODEC_GENERATE);
    if (parsed->code != OK)
        fail_msg("%s\n  in %s", parsed->error.message, body);
    assert_int_equal(chat_request_check(&parsed->request, &parsed->error), OK);
}

static void refused(const struct codec *codec, const char *body, const char *message)
{
    struct parsed parsed;
    parse(&parsed, codec, body, CODEC_GENERATE);
    release_refused(&parsed, message);
}

static void anthropic_body_is_understood(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &anthropic_codec,
             "{" VERSION ",\"anthropic_beta\":[\"x\"],\"system\":[{\"type\":\"text\",\"text\":\"S\",\"cache_control\":"
                         "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"user\","
                         "\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
                         "\"thinking\":\"t\",\"signature\":\"s\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"n\","
                         "\"input\":{\"a\": 1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                         "\"tool_use_id\":\"t1\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
                         "{\"type\":\"text\",\"text\":\"y\"}],\"cache_control\":{\"type\":\"ephemeral\"}}]}],"
                         "\"temperature\":0.3,\"top_p\":0.4,\"top_k\":50,\"stop_sequences\":[\"END\"],"
                         "\"tools\":[{\"name\":\"n\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},"
                         "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
                         "\"tool_choice\":{\"type\":\"tool\",\"name\":\"n\"},\"metadata\":{\"user_id\":\"u\"},"
                         "\"thinking\":{\"type\":\"disabled\"}}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->max_tokens, 9);
    assert_int_equal(request->system[1].kind, CHAT_CACHE_POINT);
    assert_int_equal(request->system[1].ttl_seconds, 3600);
    assert_int_equal(request->messages[1].blocks[0].kind, CHAT_REASONING);
    assert_str_equal(request->messages[1].blocks[1].json, "{\"a\":1}");
    assert_str_equal(result_text(&parsed.arena, &request->messages[2].blocks[0]), "x\ny");
    assert_true(request->messages[2].blocks[0].is_error);
    assert_int_equal(request->messages[2].blocks[1].kind, CHAT_CACHE_POINT);
    assert_true(request->tools[0].cache_point_after);
    assert_int_equal(request->tool_choice, CHAT_TOOL_NAMED);
    assert_int_equal(request->sampling.top_k, 50);
    assert_str_equal(request->stop_sequences[0], "END");
    release(&parsed);
}

static void anthropic_defaults_are_the_apis(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &anthropic_codec, "{" VERSION "," HELLO "}");
    assert_true(parsed.request.sampling.temperature == 1.0 && parsed.request.sampling.top_p == 0.999);
    assert_int_equal(parsed.request.sampling.top_k, 0);
    assert_str_equal(parsed.request.messages[0].blocks[0].text, "Hi");
    release(&parsed);
}

static void anthropic_strict_and_single_calls(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &anthropic_codec,
             "{" VERSION "," HELLO ",\"tools\":[{\"name\":\"n\",\"strict\":true,\"eager_input_streaming\":true,"
             "\"input_schema\":{}},{\"name\":\"m\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"auto\","
             "\"disable_parallel_tool_use\":true}}");
    assert_true(parsed.request.tools[0].is_strict && !parsed.request.tools[1].is_strict);
    assert_true(parsed.request.is_single_call && parsed.request.tool_choice == CHAT_TOOL_AUTO);
    release(&parsed);
}

static void anthropic_errors_name_the_field(void **state)
{
    (void)state;
    const struct codec *codec = &anthropic_codec;
    refused(codec, "[]", "the request body must be a JSON object");
    refused(codec, "{" HELLO "}", "anthropic_version: required and missing");
    refused(codec, "{\"anthropic_version\":\"2024-01-01\",\"max_tokens\":1," HELLO "}",
            "anthropic_version: must be one of bedrock-2023-05-31, 2023-06-01, 2026-10-21");
    refused(codec, "{\"anthropic_version\":\"bedrock-2023-05-31\"," HELLO "}", "max_tokens: required and missing");
    refused(codec, "{" VERSION "," HELLO ",\"stream\":true}", "unknown member 'stream'");
    refused(codec, "{" VERSION "," HELLO ",\"model\":\"m\"}", "unknown member 'model'");
    refused(codec, "{" VERSION "," HELLO ",\"top_k\":501}", "top_k: must be between 0 and 500");
    refused(codec, "{" VERSION "," HELLO ",\"temperature\":\"hot\"}", "temperature: expected a number");
    refused(codec, "{" VERSION "," HELLO ",\"thinking\":{\"type\":\"adaptive\"}}",
            "thinking: this model does not think");
    refused(codec, "{" VERSION "," HELLO ",\"stop_sequences\":[\"\"]}", "stop_sequences[0]: expected a string");
    refused(codec, "{" VERSION ",\"messages\":\"x\"}", "messages: expected an array");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}",
            "messages[0].role: must be one of");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"document\"}]}]}",
            "messages[0].content[0].type: document does not belong into a message of the system");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
            "messages[0].content: text of the user");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
            "messages[0].content: must have at least");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}",
            "messages[0].content[0]: image: this model reads text only");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\"}]}]}",
            "messages[0].content[0].type: tool_use does not belong");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}]}",
            "messages[0].content[0].type: 'hologram' blocks are not supported");
    refused(codec, "{" VERSION "," HELLO ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}",
            "tools[0].type: only custom tools");
    refused(codec, "{" VERSION "," HELLO ",\"tools\":[{\"name\":\"n\"}]}", "tools[0].input_schema: required");
    refused(codec, "{" VERSION "," HELLO ",\"tool_choice\":{\"disable_parallel_tool_use\":true}}",
            "tool_choice.type: required and missing");
    refused(codec, "{" VERSION "," HELLO ",\"tools\":[{\"name\":\"n\",\"strict\":\"x\",\"input_schema\":{}}]}",
            "tools[0].strict: expected a boolean");
    refused(codec, "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
                   "\"cache_control\":{\"type\":\"forever\"}}]}]}",
            "messages[0].content[0].cache_control.type: must be one of ephemeral");
}

static void anthropic_documents_are_text(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &anthropic_codec,
             "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\",\"sour"
                         "ce\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"words\"}},"
                         "{\"type\":\"text\",\"text\":\"Read.\"}]}]}");
    assert_int_equal(parsed.request.messages[0].blocks[0].kind, CHAT_DOCUMENT);
    assert_str_equal(parsed.request.messages[0].blocks[0].text, "words");
    release(&parsed);
    refused(&anthropic_codec,
            "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\""
                        "base64\","
            "\"media_type\":\"application/msword\",\"data\":\"aaaa\"}}]}]}",
            "messages[0].content[0].source.media_type: doc files cannot be read; send it as docx or pdf");
    refused(&anthropic_codec,
            "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\""
                        "base64\","
            "\"media_type\":\"image/png\",\"data\":\"aaaa\"}}]}]}",
            "messages[0].content[0].source.media_type: must be application/pdf");
}

static void counting_is_lenient_about_the_reply(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, &anthropic_codec, "{\"anthropic_version\":\"2023-06-01\"," HELLO "}", CODEC_COUNT);
    assert_int_equal(parsed.code, OK);
    release(&parsed);
}

static void nova_takes_both_spellings(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &nova_codec,
             "{\"schemaVersion\":\"messages-v1\",\"system\":[{\"text\":\"S\",\"cachePoint\":{\"type\":\"default\"}}],"
             "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\",\"cachePoint\":{\"type\":\"default\"}},"
             "{\"cachePoint\":{\"type\":\"default\"}}]}],\"inferenceConfig\":{\"max_new_tokens\":7,\"top_p\":0.5,"
             "\"topK\":20}}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->system_count, 2);
    assert_int_equal(request->messages[0].block_count, 3);
    assert_int_equal(request->messages[0].blocks[1].kind, CHAT_CACHE_POINT);
    assert_int_equal(request->max_tokens, 7);
    assert_int_equal(request->sampling.top_k, 20);
    assert_true(request->sampling.top_p == 0.5 && request->sampling.temperature == 0.7);
    release(&parsed);
    refused(&nova_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}],\"inferenceConfig\":"
                         "{\"maxTokens\":1,\"max_new_tokens\":1}}",
            "inferenceConfig.maxTokens: given twice, as max_new_tokens too");
    refused(&nova_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}],\"inferenceConfig\":"
                         "{\"reasoningConfig\":{}}}",
            "inferenceConfig: unknown member 'reasoningConfig'");
    refused(&nova_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}],\"schemaVersion\":\"2\"}",
            "schemaVersion: must be messages-v1");
}

static void llama_prompt_is_the_callers(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &llama_codec, "{\"prompt\":\"<|begin_of_text|><|start_header_id|>user\"}");
    assert_str_equal(parsed.request.raw_prompt, "<|start_header_id|>user");
    assert_int_equal(parsed.request.max_tokens, 512);
    assert_true(parsed.request.sampling.temperature == 0.5 && parsed.request.sampling.top_p == 0.9);
    release(&parsed);
    refused(&llama_codec, "{}", "prompt: required and missing");
    refused(&llama_codec, "{\"prompt\":\"a\",\"max_gen_len\":2049}", "max_gen_len: must be between 1 and 2048");
    refused(&llama_codec, "{\"prompt\":\"a\",\"images\":[\"x\"]}", "images: this model reads text only");
    refused(&llama_codec, "{\"prompt\":\"a\",\"logprobs\":1}", "unknown member 'logprobs'");
}

/* A published batch of Claude requests. */
static void captured_claude_inputs_parse(void **state)
{
    (void)state;
    struct str file = shared_file_or_skip("conformance/fixtures/aws-samples/batch/stage_3_output.jsonl");
    struct str rest = file, line;
    size_t requests = 0;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        yyjson_doc *doc;
        struct error error;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        struct buf body;
        buf_init(&body, 1 << 20);
        json_append(&body, yyjson_obj_get(yyjson_doc_get_root(doc), "modelInput"));
        buf_append_char(&body, '\0');
        struct parsed parsed;
        parse(&parsed, &anthropic_codec, body.data, CODEC_GENERATE);
        if (parsed.code != OK)
            fail_msg("%s", parsed.error.message);
        requests++;
        release(&parsed);
        buf_deinit(&body);
        json_free(doc);
    }
    assert_int_equal(requests, 100);
    mem_free((void *)(uintptr_t)file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anthropic_body_is_understood),
        cmocka_unit_test(anthropic_defaults_are_the_apis),
        cmocka_unit_test(anthropic_strict_and_single_calls),
        cmocka_unit_test(anthropic_errors_name_the_field),
        cmocka_unit_test(anthropic_documents_are_text),
        cmocka_unit_test(counting_is_lenient_about_the_reply),
        cmocka_unit_test(nova_takes_both_spellings),
        cmocka_unit_test(llama_prompt_is_the_callers),
        cmocka_unit_test(captured_claude_inputs_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
