/* What clients send besides the API's members: what is ignored and named, what is refused, and what each version of the
 * Anthropic API takes. */
#include "body_fixture.h"

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "core/limits.h"

#define CONVERSE_HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define BODY "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":2000"
#define NEWER "\"anthropic_version\":\"2026-10-21\",\"max_tokens\":2000"

static void parse(struct parsed *parsed, const struct codec *codec, const char *body, bool is_strict)
{
    parsed_init(parsed, is_strict);
    parsed->request.takes_assistant_first = codec == &anthropic_codec;
    parsed->code = codec_parse_text(codec, str_of(body), CODEC_GENERATE, &parsed->request, &parsed->error);
    if (parsed->code == OK)
        parsed->code = chat_request_check(&parsed->request, &parsed->error);
}

/* The body is taken, and `names` is what of it is ignored. */
static void takes(const struct codec *codec, const char *body, const char *names)
{
    struct parsed parsed;
    parse(&parsed, codec, body, false);
    if (parsed.code != OK)
        fail_msg("%s\n  in %s", parsed.error.message, body);
    assert_str_equal(ignored_list(&parsed.ignored), names);
    release(&parsed);
}

static void refuses(const struct codec *codec, const char *body, bool is_strict, const char *message)
{
    struct parsed parsed;
    parse(&parsed, codec, body, is_strict);
    release_refused(&parsed, message);
}

static void unknown_members_are_ignored_and_named(void **state)
{
    (void)state;
    takes(&converse_codec, "{" CONVERSE_HELLO ",\"projectIdentifier\":\"p\",\"traceId\":null}", "projectIdentifier");
    takes(&converse_codec, "{" CONVERSE_HELLO ",\"inferenceConfig\":{\"maxTokens\":1,\"minP\":0.1,\"topK\":3}}",
          "inferenceConfig.minP");
    takes(&converse_codec,
          "{\"messages\":[{\"role\":\"user\",\"id\":\"1\",\"content\":[{\"text\":\"a\",\"extra\":{}}]},"
          "{\"role\":\"assistant\",\"id\":\"2\",\"content\":[{\"text\":\"b\",\"extra\":1}]},"
          "{\"role\":\"user\",\"content\":[{\"document\":{\"name\":\"a\",\"pages\":3,\"source\":{\"text\":\"t\"}}},"
          "{\"text\":\"c\"}]}]}",
          "messages[].id, messages[].content[].extra, messages[].content[].document.pages");
    takes(&converse_codec,
          "{" CONVERSE_HELLO ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"kind\":1,\"inputSchema\":"
                             "{\"json\":{\"x-mine\":1}}}}],\"parallel\":true},\"system\":[{\"text\":\"s\",\"a\":1}]}",
          "toolConfig.parallel, toolConfig.tools[].toolSpec.kind, system[].a");
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"stream\":true,\"model\":\"m\",\"speed\":\"fast\"}",
          "stream, model, speed");
    takes(&anthropic_codec,
          "{" BODY "," HELLO ",\"tools\":[{\"name\":\"n\",\"input_schema\":{},\"defer_loading\":true,"
                   "\"input_examples\":[]},{\"name\":\"o\",\"input_schema\":{},\"defer_loading\":true}]}",
          "tools[].defer_loading, tools[].input_examples");
    takes(&nova_codec, "{" CONVERSE_HELLO ",\"inferenceConfig\":{\"reasoningConfig\":{\"type\":\"enabled\"}}}",
          "inferenceConfig.reasoningConfig");
    takes(&nova_codec,
          "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\",\"cachePoint\":{\"type\":\"default\"},"
          "\"image\":null,\"mark\":1},{\"text\":\"b\",\"cachePoint\":null}]}]}",
          "messages[].content[].mark");
    takes(&llama_codec, "{\"prompt\":\"a\",\"logprobs\":1}", "logprobs");
}

static void strict_refuses_what_would_be_ignored(void **state)
{
    (void)state;
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"projectIdentifier\":\"p\"}", true,
            "unknown member 'projectIdentifier'");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"adaptive\"}}", true,
            "thinking: this model does not think");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"output_config\":{\"effort\":\"low\"}}", true,
            "output_config.effort: is not supported");
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"performanceConfig\":{\"latency\":\"optimized\"}}", true,
            "performanceConfig.latency: optimized is not supported");
}

/* A union whose only member nobody knows says something that the model would not see. */
static void what_changes_the_meaning_is_refused(void **state)
{
    (void)state;
    refuses(&converse_codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"hologram\":{}}]}]}", false,
            "messages[0].content[0]: unknown member 'hologram'");
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"system\":[{\"image\":{}}]}", false,
            "system[0].image: this model reads text only");
    refuses(&converse_codec,
            "{" CONVERSE_HELLO ",\"system\":[{\"document\":{\"name\":\"a\",\"source\":{\"text\":\"a\"}}}]}", false,
            "system[0]: may hold text and cachePoint only");
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"guardrailConfig\":{}}", false, "guardrailConfig: guardrails");
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"additionalModelRequestFields\":{\"tools\":[{\"type\":\"bash\"}]}}",
            false, "additionalModelRequestFields.tools: tools of the provider");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"mcp_servers\":[{\"url\":\"u\"}]}", false, "mcp_servers: MCP");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"container\":{\"skills\":[]}}", false, "container: containers");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"amazon-bedrock-guardrailConfig\":{\"tagSuffix\":\"x\"}}", false,
            "amazon-bedrock-guardrailConfig: guardrails");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]}",
            false, "tools[0].type: only custom tools");
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"mcp_servers\":[],\"container\":null}", "");
}

static void names_are_bounded_and_fit_a_header(void **state)
{
    (void)state;
    struct buf body;
    struct parsed parsed;
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{" CONVERSE_HELLO ",\"a\\r\\nb,\\u00e9\":1");
    for (int i = 0; i < 100; i++)
        buf_appendf(&body, ",\"member%0400d\":1", i);
    buf_append_text(&body, "}");
    buf_append_char(&body, '\0');
    parse(&parsed, &converse_codec, body.data, false);
    assert_int_equal(parsed.code, OK);
    struct str list = ignored_list(&parsed.ignored);
    assert_true(str_starts(list, STR("a??b???, member000")));
    assert_true(list.len < LIMIT_IGNORED_PATHS * (LIMIT_IGNORED_PATH_BYTES + 2));
    for (size_t i = 0; i < list.len; i++)
        assert_true(list.data[i] >= ' ' && list.data[i] < 0x7F);
    release(&parsed);
    buf_deinit(&body);
    /* More than are kept: the end says so. */
    buf_init(&body, 1 << 20);
    buf_append_text(&body, "{" CONVERSE_HELLO);
    for (int i = 0; i < LIMIT_IGNORED_PATHS + 1; i++)
        buf_appendf(&body, ",\"m%d\":1", i);
    buf_append_text(&body, "}");
    buf_append_char(&body, '\0');
    parse(&parsed, &converse_codec, body.data, false);
    assert_int_equal(parsed.code, OK);
    list = ignored_list(&parsed.ignored);
    assert_true(list.len > 5 && str_eq(str_slice(list, list.len - 5, list.len), STR(", ...")));
    release(&parsed);
    buf_deinit(&body);
}

static void versions_have_their_own_rules(void **state)
{
    (void)state;
    takes(&anthropic_codec, "{" NEWER "," HELLO "}", "");
    takes(&anthropic_codec,
          "{\"anthropic_version\":\"2023-06-01\",\"max_tokens\":1," HELLO ",\"temperature\":0.5}", "");
    static const char *const sampling[] = {"temperature", "top_p", "top_k"};
    for (size_t i = 0; i < 3; i++) {
        char body[512], message[128];
        (void)snprintf(body, sizeof(body), "{" NEWER "," HELLO ",\"%s\":1}", sampling[i]);
        (void)snprintf(message, sizeof(message), "%s: Extra inputs are not permitted", sampling[i]);
        refuses(&anthropic_codec, body, false, message);
        (void)snprintf(body, sizeof(body), "{" NEWER "," HELLO ",\"%s\":null}", sampling[i]);
        takes(&anthropic_codec, body, "");
    }
#define CITED "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"citations\":[{}]}]}]"
#define SHOWN "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{\"type\":" \
              "\"document\",\"source\":{\"type\":\"text\",\"data\":\"d\"}},{\"type\":\"text\",\"text\":\"a\"}]}]"
    takes(&anthropic_codec, "{" BODY "," CITED "}", "");
    refuses(&anthropic_codec, "{" NEWER "," CITED "}", false,
            "messages[0].content[0].citations: Extra inputs are not permitted");
    takes(&anthropic_codec, "{" BODY "," SHOWN "}", "");
    refuses(&anthropic_codec, "{" NEWER "," SHOWN "}", false,
            "messages[1].content[0].type: document does not belong into a message of the assistant");
}

static void formats_are_asked_for_in_four_places(void **state)
{
    (void)state;
#define FORMAT "{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}"
    static const struct {
        const struct codec *codec;
        const char *body;
    } places[] = {
        {&anthropic_codec, "{" BODY "," HELLO ",\"output_config\":{\"format\":" FORMAT "}}"},
        {&anthropic_codec, "{" BODY "," HELLO ",\"output_format\":" FORMAT "}"},
        {&converse_codec,
         "{" CONVERSE_HELLO ",\"additionalModelRequestFields\":{\"output_config\":{\"format\":" FORMAT "}}}"},
        {&converse_codec, "{" CONVERSE_HELLO ",\"additionalModelRequestFields\":{\"output_format\":" FORMAT "}}"},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct parsed parsed;
        parse(&parsed, places[i].codec, places[i].body, false);
        assert_int_equal(parsed.code, OK);
        assert_true(yyjson_equals_str(yyjson_obj_get(parsed.request.output_schema, "type"), "object"));
        assert_int_equal(parsed.ignored.count, 0);
        release(&parsed);
    }
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"output_config\":{\"effort\":\"max\",\"format\":null}}",
          "output_config.effort");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}", false,
            "output_config.format.schema: required and missing");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"output_format\":{\"type\":\"xml\"}}", false,
            "output_format.type: must be one of json_schema");
    refuses(&anthropic_codec,
            "{" BODY "," HELLO ",\"output_config\":{\"format\":" FORMAT "},\"output_format\":" FORMAT "}", false,
            "output_format: a format is asked for twice");
    refuses(&converse_codec,
            "{" CONVERSE_HELLO ",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":"
                               "{\"jsonSchema\":{\"schema\":\"{}\"}}}},\"additionalModelRequestFields\":"
                               "{\"output_format\":" FORMAT "}}",
            false, "outputConfig.textFormat: a format is asked for twice");
}

static void thinking_is_answered_without(void **state)
{
    (void)state;
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"disabled\"}}", "");
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}}",
          "thinking");
    takes(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}",
          "thinking");
    takes(&converse_codec,
          "{" CONVERSE_HELLO ",\"additionalModelRequestFields\":{\"reasoning_config\":{\"type\":\"enabled\","
                             "\"budget_tokens\":4000},\"anthropic_beta\":[\"x-2025-01-01\"],"
                             "\"context_management\":{\"edits\":[]}}}",
          "additionalModelRequestFields.reasoning_config, additionalModelRequestFields.context_management");
    takes(&converse_codec, "{" CONVERSE_HELLO ",\"additionalModelRequestFields\":{\"reasoning_config\":\"high\"}}",
          "additionalModelRequestFields.reasoning_config");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"enabled\"}}", false,
            "thinking.budget_tokens: required and missing");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1023}}", false,
            "thinking.budget_tokens: must be at least 1024");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}", false,
            "thinking.budget_tokens: must be less than max_tokens");
    takes(&anthropic_codec,
          "{" BODY "," HELLO ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},\"anthropic_beta\":"
                   "[\"interleaved-thinking-2025-05-14\"]}",
          "thinking");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"thinking\":{\"type\":\"deep\"}}", false,
            "thinking.type: must be one of");
    refuses(&anthropic_codec, "{" BODY "," HELLO ",\"anthropic_beta\":[1]}", false,
            "anthropic_beta[0]: expected a string");
}

static void members_of_other_spellings_are_taken(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, &converse_codec,
          "{" CONVERSE_HELLO ",\"inferenceConfig\":{\"maxTokens\":100.0,\"topK\":7.0,\"temperature\":1}}", false);
    assert_int_equal(parsed.code, OK);
    assert_int_equal(parsed.request.max_tokens, 100);
    assert_int_equal(parsed.request.sampling.top_k, 7);
    release(&parsed);
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"inferenceConfig\":{\"maxTokens\":100.5}}", false,
            "inferenceConfig.maxTokens: expected an integer");
    refuses(&converse_codec, "{" CONVERSE_HELLO ",\"inferenceConfig\":{\"maxTokens\":1e300}}", false,
            "inferenceConfig.maxTokens: must be between 1 and 2147483647");
    parse(&parsed, &anthropic_codec, "{" BODY "," HELLO ",\"service_tier\":\"priority\"}", false);
    assert_true(parsed.code == OK && parsed.request.has_tier && parsed.request.tier == TIER_PRIORITY);
    release(&parsed);
    parse(&parsed, &anthropic_codec, "{" BODY "," HELLO ",\"service_tier\":\"standard_only\"}", false);
    assert_true(parsed.code == OK && !parsed.request.has_tier);
    release(&parsed);
}

static void conversations_of_many_forms_are_taken(void **state)
{
    (void)state;
#define TURN(role, text) "{\"role\":\"" role "\",\"content\":[{\"text\":\"" text "\"}]}"
    takes(&converse_codec, "{\"messages\":[" TURN("user", "a") "," TURN("user", "b") "," TURN("assistant", "") "," TURN(
                               "assistant", "c") "," TURN("system", "d") "]}",
          "");
    refuses(&converse_codec, "{\"messages\":[" TURN("system", "a") "]}", false,
            "messages[0]: a conversation must start with a user message");
    refuses(&converse_codec, "{\"messages\":[" TURN("user", "a") "," TURN("system", " ") "]}", false,
            "messages[1].content: text of the user must not be blank");
    refuses(&converse_codec, "{\"messages\":[" TURN("assistant", "a") "]}", false,
            "messages[0]: a conversation must start with a user message");
    takes(&anthropic_codec,
          "{" BODY ",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"},"
          "{\"role\":\"system\",\"content\":\"c\"}]}",
          "");
    refuses(&anthropic_codec, "{" BODY ",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}", false,
            "messages[0]: a conversation must start with a user message");
    takes(&converse_codec,
          "{\"messages\":[{\"role\":\"user\",\"content\":[{\"document\":{\"name\":\"my_file\",\"source\":{\"text\":"
          "\"a\"},\"citations\":{\"enabled\":true}}},{\"text\":\" \"}]}]}",
          "messages[].content[].document.citations.enabled");
    refuses(&converse_codec, "{\"messages\":[" TURN("user", " ") "]}", false,
            "messages[0].content: text of the user must not be blank");
}

static void anthropic_results_and_sources_are_text(void **state)
{
    (void)state;
    struct parsed parsed;
    parse(&parsed, &anthropic_codec,
          "{" BODY ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"search_result\",\"source\":\"s\","
          "\"title\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],"
          "\"citations\":{\"enabled\":false}},{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":"
          "[{\"type\":\"text\",\"text\":\"c\"}]}},{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":"
          "\"d\"}},{\"type\":\"text\",\"text\":\"q\"}]}]}",
          false);
    if (parsed.code != OK)
        fail_msg("%s", parsed.error.message);
    const struct chat_block *blocks = parsed.request.messages[0].blocks;
    assert_str_equal(blocks[0].name, "t");
    assert_str_equal(blocks[0].text, "s\na\nb");
    assert_str_equal(blocks[1].text, "c");
    assert_str_equal(blocks[2].text, "d");
    release(&parsed);
#define SOURCE(source) \
    "{" BODY ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":" source "}]}]}"
    refuses(&anthropic_codec, SOURCE("{\"type\":\"url\",\"url\":\"https://x\"}"), false,
            "messages[0].content[0].source.type: url is not supported");
    refuses(&anthropic_codec, SOURCE("{\"type\":\"content\",\"content\":[{\"type\":\"image\"}]}"), false,
            "messages[0].content[0].source.content[0].type: must be text");
}

/* The prompt of Claude 2: its turns, whether their marks are whole or not. */
static void older_prompts_are_turns(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *system, *turns; /* u and a: the user's and the assistant's text */
    } rows[] = {
        {"\\n\\nHuman: Hi\\n\\nAssistant:", "", "u=Hi;"},
        {"Human: Hi Assistant:", "", "u=Hi;"},
        {"Be kind.\\n\\nHuman: Hi\\n\\nAssistant: Ho\\n\\nHuman: He\\n\\nAssistant: The", "Be kind.",
         "u=Hi;a=Ho;u=He;a=The;"},
        {"What is it?", "", "u=What is it?;"},
        {"Human: a\\n\\nHuman: b", "", "u=a;u=b;"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed;
        struct buf turns;
        char body[512];
        (void)snprintf(body, sizeof(body), "{\"prompt\":\"%s\",\"max_tokens_to_sample\":7,\"top_k\":3}",
                       rows[i].prompt);
        parse(&parsed, &anthropic_codec, body, false);
        if (parsed.code != OK)
            fail_msg("%s\n  in %s", parsed.error.message, body);
        assert_int_equal(parsed.request.max_tokens, 7);
        assert_int_equal(parsed.request.sampling.top_k, 3);
        assert_str_equal(parsed.request.system_count ? parsed.request.system[0].text : STR(""), rows[i].system);
        buf_init(&turns, 1024);
        for (size_t j = 0; j < parsed.request.message_count; j++)
            buf_appendf(&turns, "%c=" STR_FMT ";", parsed.request.messages[j].role == CHAT_USER ? 'u' : 'a',
                        STR_ARG(parsed.request.messages[j].blocks[0].text));
        assert_str_equal(buf_str(&turns), rows[i].turns);
        buf_deinit(&turns);
        release(&parsed);
    }
    refuses(&anthropic_codec, "{\"prompt\":\"Human: Assistant:\",\"max_tokens_to_sample\":1}", false,
            "messages: at least one message");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_members_are_ignored_and_named),
        cmocka_unit_test(strict_refuses_what_would_be_ignored),
        cmocka_unit_test(what_changes_the_meaning_is_refused),
        cmocka_unit_test(names_are_bounded_and_fit_a_header),
        cmocka_unit_test(versions_have_their_own_rules),
        cmocka_unit_test(formats_are_asked_for_in_four_places),
        cmocka_unit_test(thinking_is_answered_without),
        cmocka_unit_test(members_of_other_spellings_are_taken),
        cmocka_unit_test(conversations_of_many_forms_are_taken),
        cmocka_unit_test(anthropic_results_and_sources_are_text),
        cmocka_unit_test(older_prompts_are_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
