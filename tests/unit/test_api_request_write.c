/* Requests to upstreams: what was parsed comes back when it is written and parsed again, in its own dialect with all
 * that nobody here knows, in another one in that one's words. */
#include "body_fixture.h"
#include "request_dump.h"

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "chat/traits.h"

#define VERSION "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":2000"

static const struct codec_form with_model = {.model = {"m", 1}};
static const struct codec_form bedrock = {.model = {NULL, 0}};

static void parse_open(struct parsed *parsed, const struct codec *codec, struct str body)
{
    parsed_init(parsed, false);
    parsed->request.is_target_unknown = true;
    parsed->request.takes_assistant_first = true;
    parsed->code = codec_parse_text(codec, body, CODEC_GENERATE, &parsed->request, &parsed->error);
    if (parsed->code != OK)
        fail_msg("%s\n  in " STR_FMT, parsed->error.message, STR_ARG(body));
}

static void write_ok(const struct codec *codec, const struct chat_request *request, struct buf *out)
{
    struct error error = {0};
    buf_init(out, 64 << 20);
    const struct codec_form *form = codec == &chat_codec ? &with_model : &bedrock;
    if (codec->request_write(request, form, out, &error) != OK)
        fail_msg("%s", error.message);
}

/* What raw nodes say is said by the neutral members too: without them the same comes out. */
static void forget_nodes(struct chat_request *request, bool blocks_too)
{
    for (size_t i = 0; i < request->message_count; i++) {
        request->messages[i].raw = NULL;
        for (size_t j = 0; j < request->messages[i].block_count && blocks_too; j++)
            request->messages[i].blocks[j].raw = NULL;
    }
    for (size_t i = 0; i < request->system_count && blocks_too; i++)
        request->system[i].raw = NULL;
    for (size_t i = 0; i < request->tool_count && blocks_too; i++)
        request->tools[i].raw = NULL;
}

static void same(const struct buf *before, const struct buf *after, const struct buf *body)
{
    if (str_eq(buf_str(before), buf_str(after)))
        return;
    fail_msg("was\n" STR_FMT "\nis\n" STR_FMT "\nfrom " STR_FMT, STR_ARG(buf_str(before)), STR_ARG(buf_str(after)),
             STR_ARG(buf_str(body)));
}

/* Parsed as `from`, written and parsed as `to`. */
static void comes_back(const struct codec *from, const struct codec *to, struct str body, int forgets)
{
    struct parsed first, second;
    struct buf before, after, written;
    buf_init(&before, 16 << 20);
    buf_init(&after, 16 << 20);
    parse_open(&first, from, body);
    dump_request(&before, &first.request);
    if (from == to)
        dump_extras(&before, &first.request);
    if (forgets > 0)
        forget_nodes(&first.request, forgets > 1);
    write_ok(to, &first.request, &written);
    parse_open(&second, to, buf_str(&written));
    dump_request(&after, &second.request);
    if (from == to)
        dump_extras(&after, &second.request);
    same(&before, &after, &written);
    release(&second);
    release(&first);
    buf_deinit(&written);
    buf_deinit(&after);
    buf_deinit(&before);
}

static const char converse_body[] =
    "{\"system\":[{\"text\":\"Be brief.\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Look \\\"here\\\".\"},{\"image\":{\"format\":\"png\","
    "\"source\":{\"bytes\":\"iVBORw0=\"}}},{\"document\":{\"name\":\"d\",\"format\":\"pdf\",\"source\":{\"bytes\":"
    "\"JVBERg==\"}}},{\"cachePoint\":{\"type\":\"default\"}}]},{\"role\":\"assistant\",\"content\":["
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"s==\"}}},"
    "{\"reasoningContent\":{\"redactedContent\":\"AAAA\"}},{\"citationsContent\":{\"content\":[{\"text\":\"c\"}],"
    "\"citations\":[{\"title\":\"T\",\"sourceContent\":[{\"text\":\"w\"}],\"location\":{\"documentChar\":"
    "{\"documentIndex\":1,\"start\":2,\"end\":3}}}]}},"
    "{\"toolUse\":{\"toolUseId\":\"t.1\",\"name\":\"look\",\"input\":{\"a\":1.50}}}]},{\"role\":\"user\","
    "\"content\":[{\"toolResult\":{\"toolUseId\":\"t.1\",\"status\":\"error\",\"content\":[{\"json\":{\"b\":[1,2e5]}},"
    "{\"text\":\"and\"},{\"searchResult\":{\"source\":\"s\",\"title\":\"t\",\"content\":[{\"text\":\"f\"}]}}]}}]}],"
    "\"inferenceConfig\":{\"maxTokens\":7,\"temperature\":0.1,\"topP\":0.3,\"stopSequences\":[\"a\",\"b\"]},"
    "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"look\",\"description\":\"Looks.\",\"strict\":true,"
    "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],"
    "\"toolChoice\":{\"tool\":{\"name\":\"look\"}}},\"requestMetadata\":{\"team\":\"a b\"}}";

static const char anthropic_body[] =
    "{" VERSION ",\"system\":[{\"type\":\"text\",\"text\":\"S\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":"
    "\"1h\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"image\","
    "\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0=\"}},{\"type\":\"document\","
    "\"title\":\"d\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERg==\"},"
    "\"cache_control\":{\"type\":\"ephemeral\"}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
    "\"thinking\":\"t\",\"signature\":\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"AAAA\"},{\"type\":\"text\","
    "\"text\":\"c\",\"citations\":[{\"type\":\"char_location\",\"cited_text\":\"w\",\"document_index\":0,"
    "\"document_title\":\"T\",\"start_char_index\":1,\"end_char_index\":2}]},{\"type\":\"tool_use\",\"id\":\"t1\","
    "\"name\":\"n\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
    "\"tool_use_id\":\"t1\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\","
    "\"text\":\"y\"}]}]}],\"temperature\":0.3,\"top_p\":0.4,\"top_k\":50,\"stop_sequences\":[\"END\"],\"tools\":["
    "{\"name\":\"n\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"any\","
    "\"disable_parallel_tool_use\":true}}";

static const char chat_body[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"developer\",\"name\":\"d\",\"content\":["
    "{\"type\":\"text\",\"text\":\"D\"},{\"type\":\"text\",\"text\":\"E\"}]},{\"role\":\"user\",\"content\":["
    "{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
    "\"data:image/png;base64,iVBORw0=\",\"detail\":\"low\"}}]},{\"role\":\"assistant\",\"content\":null,"
    "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"look\","
    "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"look\","
    "\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"},{\"role\":\"tool\","
    "\"tool_call_id\":\"c2\",\"content\":\"q\"},{\"role\":\"user\",\"content\":\"And?\"}],"
    "\"max_completion_tokens\":9,\"temperature\":1.5,\"top_p\":0.5,\"seed\":3,\"stop\":[\"END\"],\"tools\":["
    "{\"type\":\"function\",\"function\":{\"name\":\"look\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"}"
    "}}],"
    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"look\"}},\"parallel_tool_calls\":false}";

static void own_requests_come_back(void **state)
{
    (void)state;
    for (int forgets = 0; forgets <= 2; forgets++) {
        comes_back(&converse_codec, &converse_codec, str_of(converse_body), forgets);
        comes_back(&anthropic_codec, &anthropic_codec, str_of(anthropic_body), forgets);
        comes_back(&chat_codec, &chat_codec, str_of(chat_body), forgets);
    }
}

/* Members that no lever reads, of the root and inside, and blocks that only the provider knows. */
static void what_nobody_knows_passes(void **state)
{
    (void)state;
    comes_back(&converse_codec, &converse_codec,
               STR("{\"messages\":[{\"role\":\"user\",\"extra\":1,\"content\":[{\"text\":\"a\",\"mark\":{}},"
                   "{\"guardContent\":{\"text\":{\"text\":\"g\"}}}]}],\"guardrailConfig\":{\"guardrailIdentifier\":\"g"
                   "\"},"
                   "\"inferenceConfig\":{\"maxTokens\":3,\"minP\":0.5,\"topK\":4},\"newMember\":[1.0],\"toolConfig\":{"
                   "\"tools\":[{\"systemTool\":{\"name\":\"nova_grounding\"}}],\"parallel\":true},"
                   "\"performanceConfig\":{\"latency\":\"optimized\"},\"outputConfig\":{\"effort\":\"low\",\"textForma"
                   "t\":"
                   "{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":\"{}\",\"name\":\"n\"}}}},"
                   "\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"adaptive\"},\"top_k\":5},"
                   "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"]}"),
               1);
    comes_back(&anthropic_codec, &anthropic_codec,
               STR("{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"container_upload\",\"file_i"
                               "d\":"
                   "\"f\"},{\"type\":\"text\",\"text\":\"a\"}]}],\"tools\":[{\"type\":\"web_search_20250305\",\"name\":"
                   "\"web_search\",\"max_uses\":2}],\"thinking\":{\"type\":\"adaptive\"},\"speed\":\"fast\",\"containe"
                   "r\":"
                   "\"c\",\"mcp_servers\":[{\"url\":\"u\"}],\"metadata\":{\"user_id\":\"u\"},\"output_config\":{\"effo"
                   "rt\":"
                   "\"max\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}}"),
               1);
    comes_back(&chat_codec, &chat_codec,
               STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"hologram\",\"h\":1},{\"type\":\"text\","
                   "\"text\":\"a\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]}],\"logit_bias\":{\"1\":2},"
                   "\"reasoning_effort\":\"low\",\"guided_regex\":\"a+\",\"response_format\":{\"type\":\"json_object\""
                   "},"
                   "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}],\"max_tokens\":3}"),
               1);
}

/* A body that two dialects can say. */
static void requests_cross_dialects(void **state)
{
    (void)state;
    static const char common[] =
        "{\"system\":[{\"text\":\"Be brief.\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Look.\"},"
        "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"iVBORw0=\"}}}]},{\"role\":\"assistant\",\"content\":["
        "{\"text\":\"I do.\"},{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"look\",\"input\":{\"a\":1.50}}}]},"
        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{\"text\":\"red\"}]}}]}],"
        "\"inferenceConfig\":{\"maxTokens\":7,\"temperature\":0.1,\"topP\":0.3,\"stopSequences\":[\"a\"]},"
        "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"look\",\"description\":\"Looks.\",\"strict\":true,"
        "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}],\"toolChoice\":{\"any\":{}}},"
        "\"additionalModelRequestFields\":{\"top_k\":5},\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
        "\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"object\\\"}\"}}}}}";
    static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &chat_codec};
    for (size_t i = 0; i < 3; i++) {
        struct parsed parsed;
        struct buf body;
        parse_open(&parsed, &converse_codec, str_of(common));
        write_ok(codecs[i], &parsed.request, &body);
        for (size_t j = 0; j < 3; j++)
            comes_back(codecs[i], codecs[j], buf_str(&body), 0);
        release(&parsed);
        buf_deinit(&body);
    }
    comes_back(&converse_codec, &anthropic_codec,
               STR("{\"system\":[{\"text\":\"a\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],\"messages\""
                   ":["
                   "{\"role\":\"user\",\"content\":[{\"text\":\"b\"},{\"cachePoint\":{\"type\":\"default\"}}]},"
                   "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\","
                   "\"signature\":\"s\"}}},{\"reasoningContent\":{\"redactedContent\":\"AAAA\"}},{\"text\":\"c\"}]}],"
                   "\"inferenceConfig\":{\"maxTokens\":7}}"),
               0);
}

static void says(const struct codec *from, const struct codec *to, const char *body, const char *part)
{
    struct parsed parsed;
    struct buf out;
    parse_open(&parsed, from, str_of(body));
    write_ok(to, &parsed.request, &out);
    if (str_find(buf_str(&out), str_of(part), 0) < 0)
        fail_msg("%s\n  is not in\n" STR_FMT, part, STR_ARG(buf_str(&out)));
    release(&parsed);
    buf_deinit(&out);
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]"
#define PLAIN "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"

static void members_find_their_other_names(void **state)
{
    (void)state;
    says(&converse_codec, &anthropic_codec,
         "{" HELLO ",\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":{\"reasoning_config\":"
         "{\"type\":\"adaptive\"},\"cache_salt\":\"x\"}}",
         "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}],"
         "\"thinking\":{\"type\":\"adaptive\"}}");
    says(&anthropic_codec, &converse_codec,
         "{" VERSION "," PLAIN ",\"thinking\":{\"type\":\"adaptive\"},\"top_k\":4,\"mcp_servers\":[{\"url\":\"u\"}]}",
         "\"additionalModelRequestFields\":{\"top_k\":4,\"thinking\":{\"type\":\"adaptive\"},\"mcp_servers\":[");
    says(&chat_codec, &converse_codec, "{" PLAIN ",\"reasoning_effort\":\"low\"}", "\"outputConfig\":{\"effort\":\"low"
                                                                                   "\"}");
    says(&anthropic_codec, &chat_codec, "{" VERSION "," PLAIN ",\"output_config\":{\"effort\":\"high\"}}",
         "\"reasoning_effort\":\"high\"");
    says(&converse_codec, &chat_codec, "{" HELLO ",\"inferenceConfig\":{\"maxTokens\":9}}",
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_completion_tokens\":9}");
    says(&converse_codec, &converse_codec, "{" HELLO ",\"additionalModelRequestFields\":{\"cache_salt\":\"x\"}}",
         "\"additionalModelRequestFields\":{}");
    says(&anthropic_codec, &converse_codec,
         "{" VERSION ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"q/3.txt\","
         "\"context\":\"why\",\"source\":{\"type\":\"text\",\"data\":\"d\"}}]}]}",
         "{\"document\":{\"format\":\"txt\",\"name\":\"q-3-txt\",\"source\":{\"text\":\"d\"},\"context\":\"why\"}}");
}

static void refuses(const struct codec *from, const struct codec *to, const char *body, const char *message)
{
    struct parsed parsed;
    struct error error = {0};
    struct buf out;
    parse_open(&parsed, from, str_of(body));
    buf_init(&out, 1 << 20);
    assert_int_equal(to->request_write(&parsed.request, &with_model, &out, &error), ERROR_INVALID);
    assert_string_equal(error.message, message);
    release(&parsed);
    buf_deinit(&out);
}

static void what_has_no_words_is_refused_by_name(void **state)
{
    (void)state;
    refuses(&converse_codec, &chat_codec, "{" HELLO ",\"guardrailConfig\":{\"guardrailIdentifier\":\"g\"}}",
            "guardrailConfig: it can't be sent on to an upstream that speaks chat completions");
    refuses(&anthropic_codec, &chat_codec, "{" VERSION "," PLAIN ",\"mcp_servers\":[{\"url\":\"u\"}]}",
            "mcp_servers: it can't be sent on to an upstream that speaks chat completions");
    refuses(&anthropic_codec, &converse_codec,
            "{" VERSION "," PLAIN ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]}",
            "tools[0]: a provider's own tool can't be sent on to an upstream that speaks Converse");
    refuses(&converse_codec, &anthropic_codec,
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"video\":{\"format\":\"mp4\",\"source\":"
            "{\"bytes\":\"AAAA\"}}}]}],\"inferenceConfig\":{\"maxTokens\":1}}",
            "messages[0].content[1].video: a video can't be sent on to an upstream that speaks Anthropic's API");
    refuses(&chat_codec, &converse_codec,
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x"
            "/y\"}"
            "}]}]}",
            "messages[0].content[0]: a file behind a URL or an ID can't be sent on to an upstream that speaks Converse"
            "");
    refuses(&llama_codec, &chat_codec, "{\"prompt\":\"a\"}",
            "prompt: a prompt in a model's own words can't be sent on to an upstream that speaks chat completions");
    refuses(&converse_codec, &anthropic_codec, "{" HELLO "}",
            "max_tokens: required by an upstream that speaks Anthropic's API");
}

/* --- marks of the prompt cache ---------------------------------------------------------------------- */

static const char marked_converse[] =
    "{\"system\":[{\"text\":\"S\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],\"messages\":[{"
    "\"role\":\"user\","
    "\"content\":[{\"text\":\"a\"},{\"cachePoint\":{\"type\":\"default\"}},{\"text\":\"b\"}]},{\"role\":\"assistant\","
    "\"content\":[{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"n\",\"input\":{}}}]},{\"role\":\"user\",\"content\":["
    "{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{\"text\":\"r\"}]}},{\"cachePoint\":{\"type\":\"default\"}}]}],"
    "\"inferenceConfig\":{\"maxTokens\":7},\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":"
    "{\"json\":{\"type\":\"object\"}}}},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}]}}";
static const char marked_anthropic[] =
    "{" VERSION ",\"system\":[{\"type\":\"text\",\"text\":\"S\",\"cache_control\":{\"type\":\"ephemeral\","
    "\"ttl\":\"1h\"}}],"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
    "\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
    "\"id\":\"t1\",\"name\":\"n\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
    "\"tool_use_id\":\"t1\",\"content\":\"r\",\"cache_control\":{\"type\":\"ephemeral\"}}]}],\"tools\":[{"
    "\"name\":\"n\","
    "\"input_schema\":{\"type\":\"object\"},\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}";
#define BREAKPOINT "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}"
#define LONG_BREAKPOINT "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\",\"ttl\":\"12h\"}"
static const char marked_chat[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"S\"," LONG_BREAKPOINT "}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"," BREAKPOINT "},{\"type\":\"text\","
    "\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"t1\",\"type\":\"function\","
    "\"function\":{\"name\":\"n\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":["
    "{\"type\":\"text\",\"text\":\"r\"," BREAKPOINT "}]}],\"max_completion_tokens\":7,\"tools\":[{\"type\":"
    "\"function\","
    "\"function\":{\"name\":\"n\",\"parameters\":{\"type\":\"object\"}}}]}";

static void read_marked(struct parsed *parsed, const struct codec *codec, struct str body)
{
    parsed_init(parsed, false);
    parsed->request.is_target_unknown = true;
    if (codec == &chat_codec)
        parsed->request.api_version = STR("v1"); /* OpenAI's own API, whose parts are marked */
    if (codec_parse_text(codec, body, CODEC_GENERATE, &parsed->request, &parsed->error) != OK)
        fail_msg("%s\n  in " STR_FMT, parsed->error.message, STR_ARG(body));
}

/* "T3600 S3600 a300 r300": what the cache points stand behind, and how long they live. */
static void name_marks(const struct chat_request *request, struct buf *out)
{
    for (size_t i = 0; i < request->tool_count; i++)
        if (request->tools[i].cache_point_after)
            buf_appendf(out, " T%u", request->tools[i].ttl_seconds);
    for (size_t i = 1; i < request->system_count; i++)
        if (request->system[i].kind == CHAT_CACHE_POINT)
            buf_appendf(out, " " STR_FMT "%u", STR_ARG(request->system[i - 1].text), request->system[i].ttl_seconds);
    for (size_t i = 0; i < request->message_count; i++)
        for (size_t k = 1; k < request->messages[i].block_count; k++) {
            const struct chat_block *block = &request->messages[i].blocks[k], *before = block - 1;
            const struct str text = before->kind == CHAT_TOOL_RESULT ? before->content[0].text : before->text;
            if (block->kind == CHAT_CACHE_POINT)
                buf_appendf(out, " " STR_FMT "%u", STR_ARG(text), block->ttl_seconds);
        }
}

static void marks_cross(const struct codec *from, const char *body, const struct codec *to, const char *expected)
{
    const struct codec_form form = {.model = {to == &chat_codec ? "m" : NULL, to == &chat_codec},
                                    .says_cache_points = true};
    struct parsed first, second;
    struct error error;
    struct buf written, marks;
    buf_init(&written, 1 << 20);
    buf_init(&marks, 1 << 20);
    read_marked(&first, from, str_of(body));
    if (to->request_write(&first.request, &form, &written, &error) != OK)
        fail_msg("%s", error.message);
    read_marked(&second, to, buf_str(&written));
    name_marks(&second.request, &marks);
    if (!str_eq(buf_str(&marks), str_of(expected)))
        fail_msg("from %s to %s:" STR_FMT "\n  in " STR_FMT, from->name, to->name, STR_ARG(buf_str(&marks)),
                 STR_ARG(buf_str(&written)));
    release(&first);
    release(&second);
    buf_deinit(&written);
    buf_deinit(&marks);
}

/* Chat completions take none on tools: that of theirs moves to the end of the first system part. */
static void marks_cross_dialects(void **state)
{
    static const struct {
        const struct codec *codec;
        const char *body, *marks;
    } sides[] = {{&converse_codec, marked_converse, " T3600 S3600 a300 r300"},
                 {&anthropic_codec, marked_anthropic, " T3600 S3600 a300 r300"},
                 {&chat_codec, marked_chat, " S3600 a300 r300"}};
    (void)state;
    for (size_t from = 0; from < 3; from++)
        for (size_t to = 0; to < 3; to++)
            marks_cross(sides[from].codec, sides[from].body, sides[to].codec,
                        sides[from].codec == &chat_codec ? sides[from].marks : sides[to].marks);
}

/* Neither do the assistant's messages: theirs moves behind the next part. Without the capability there are none. */
static void marks_move_where_they_may_stand(void **state)
{
    static const char behind_assistant[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":["
        "{\"text\":\"b\"},{\"cachePoint\":{\"type\":\"default\"}}]},{\"role\":\"user\",\"content\":[{\"text\":"
        "\"c\"}]}],\"inferenceConfig\":{\"maxTokens\":7}}";
    struct parsed parsed;
    struct buf out;
    (void)state;
    marks_cross(&converse_codec, behind_assistant, &chat_codec, " c300");
    parse_open(&parsed, &converse_codec, str_of(marked_converse));
    write_ok(&chat_codec, &parsed.request, &out);
    assert_true(str_find(buf_str(&out), STR("prompt_cache"), 0) < 0);
    release(&parsed);
    buf_deinit(&out);
}

/* --- counts ----------------------------------------------------------------------------------------- */

static void counts_ask_for_the_prompt_alone(void **state)
{
    static const struct codec_form count = {.is_count = true}, named = {.model = {"m", 1}, .is_count = true};
    struct parsed parsed;
    struct error error;
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 20);
    parse_open(&parsed, &converse_codec, STR("{" HELLO ",\"inferenceConfig\":{\"temperature\":0}}"));
    assert_int_equal(converse_codec.request_write(&parsed.request, &count, &out, &error), OK);
    assert_str_equal(buf_str(&out), "{\"input\":{\"converse\":{" HELLO "}}}");
    buf_clear(&out);
    assert_int_equal(anthropic_codec.request_write(&parsed.request, &named, &out, &error), OK);
    assert_str_equal(buf_str(&out), "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                                    "\"text\":\"a\"}]}]}");
    release(&parsed);
    buf_deinit(&out);
}

static void captured_requests_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "completions/basic",          "completions/parallel-tool-call", "completions/reasoning",
        "completions/reasoning_replay", "completions/tool-call",        "messages/basic",
        "messages/metadata",          "messages/reasoning",             "messages/reasoning_replay",
        "messages/structured-output", "messages/system_message",        "messages/tool_history_without_tools",
        "messages/tools",             "responses/basic",                "responses/input-media",
        "responses/parallel-tool-call", "responses/structured-output",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[256];
        struct buf body;
        struct error error;
        yyjson_doc *doc;
        (void)snprintf(path, sizeof(path), "conformance/fixtures/agentgateway-requests/%s.bedrock.snap", names[i]);
        struct str file = shared_file_or_skip(path);
        size_t at = (size_t)str_find(file, STR("\n---\n{"), 0) + 5;
        assert_int_equal(json_parse(str_slice(file, at, file.len), &doc, &error), OK);
        buf_init(&body, 1 << 20);
        json_append(&body, yyjson_obj_get(yyjson_doc_get_root(doc), "request"));
        for (int forgets = 0; forgets <= 2; forgets++)
            comes_back(&converse_codec, &converse_codec, buf_str(&body), forgets);
        buf_deinit(&body);
        json_free(doc);
        mem_free((void *)(uintptr_t)file.data);
    }
}

static void captured_claude_inputs_come_back(void **state)
{
    (void)state;
    struct str file = shared_file_or_skip("conformance/fixtures/aws-samples/batch/stage_3_output.jsonl");
    struct str rest = file, line;
    while (str_split(&rest, '\n', &line) && line.len > 0) {
        yyjson_doc *doc;
        struct error error;
        struct buf body;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        buf_init(&body, 1 << 20);
        json_append(&body, yyjson_obj_get(yyjson_doc_get_root(doc), "modelInput"));
        for (int forgets = 0; forgets <= 2; forgets++)
            comes_back(&anthropic_codec, &anthropic_codec, buf_str(&body), forgets);
        buf_deinit(&body);
        json_free(doc);
    }
    mem_free((void *)(uintptr_t)file.data);
}

/* --- requests at random ----------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned roll(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % sides);
}

static struct str random_text(struct arena *arena)
{
    static const char *const pieces[] = {"word", "\"", "\\", "\n", "caf\xC3\xA9", "{\"a\":1}", "\x01", "</s>", " ",
                                         "\xF0\x9F\x98\x80"};
    struct buf buf;
    struct str text;
    buf_init(&buf, 1 << 10);
    buf_append_char(&buf, 'x');
    for (unsigned i = roll(6); i > 0; i--)
        buf_append_text(&buf, pieces[roll(sizeof(pieces) / sizeof(pieces[0]))]);
    assert_true(arena_str(arena, buf_str(&buf), &text));
    buf_deinit(&buf);
    return text;
}

static struct chat_block random_block(struct arena *arena, enum chat_role role, bool has_points, size_t number)
{
    struct chat_block *item;
    switch (role == CHAT_USER ? roll(4) : 4 + roll(4)) {
    case 1:
        return (struct chat_block){
            .kind = CHAT_IMAGE, .format = STR("png"), .source = CHAT_SOURCE_BASE64, .data = STR("iVBORw0=")};
    case 2:
    case 3:
        item = ARENA_ARRAY(arena, struct chat_block, 2);
        item[0] = (struct chat_block){.kind = CHAT_TEXT, .text = random_text(arena)};
        return (struct chat_block){.kind = CHAT_TOOL_RESULT,
                                   .id = arena_printf(arena, "call_%zu", number),
                                   .content = item,
                                   .content_count = 1};
    case 5:
    case 6:
        return (struct chat_block){.kind = CHAT_TOOL_USE,
                                   .id = arena_printf(arena, "call_%zu", number),
                                   .name = STR("look"),
                                   .json = STR("{\"n\":12345678901234567890.50}")};
    case 7:
        if (has_points)
            return (struct chat_block){.kind = CHAT_REASONING, .text = random_text(arena), .signature = STR("s")};
        break;
    default: break;
    }
    return (struct chat_block){.kind = CHAT_TEXT, .text = random_text(arena)};
}

static void random_message(struct chat_request *request, bool has_points, size_t *points)
{
    struct chat_message *message = &request->messages[request->message_count];
    message->role = request->message_count % 2 == 0 ? CHAT_USER : CHAT_ASSISTANT;
    message->blocks = ARENA_ARRAY(request->arena, struct chat_block, 12);
    for (size_t i = 1 + roll(4); i > 0; i--) {
        struct chat_block block = random_block(request->arena, message->role, has_points, i);
        message->blocks[message->block_count++] = block;
        bool takes_point = has_points && *points < 4 && block.kind != CHAT_REASONING;
        if (takes_point && roll(6) == 0) {
            message->blocks[message->block_count++] = (struct chat_block){.kind = CHAT_CACHE_POINT, .ttl_seconds = 300};
            ++*points;
        }
    }
    request->message_count++;
}

static void random_request(struct chat_request *request, bool has_points, yyjson_val *schema)
{
    static struct str stops[] = {{"END", 3}, {"\n\n", 2}};
    size_t points = 0;
    request->messages = ARENA_ARRAY(request->arena, struct chat_message, 8);
    for (size_t i = 1 + roll(6); i > 0; i--)
        random_message(request, has_points, &points);
    request->tools = ARENA_ARRAY(request->arena, struct chat_tool, 1);
    request->tools[request->tool_count++] =
        (struct chat_tool){.name = STR("look"), .description = random_text(request->arena), .schema = schema};
    request->tool_choice = roll(2) ? CHAT_TOOL_AUTO : CHAT_TOOL_ANY;
    request->max_tokens = 1 + roll(1000);
    request->sampling.has_temperature = roll(2);
    request->sampling.temperature = roll(1000) / 999.0;
    request->sampling.has_top_p = roll(2);
    request->sampling.top_p = (1 + roll(998)) / 999.0;
    request->stop_sequences = stops;
    request->stop_count = roll(3);
    if (roll(2)) {
        request->system = ARENA_ARRAY(request->arena, struct chat_block, 1);
        request->system[request->system_count++] =
            (struct chat_block){.kind = CHAT_TEXT, .text = random_text(request->arena)};
    }
}

/* What runs together in chat completions: results of one message and its text are messages of their own. */
static bool says_the_same_in_chat(const struct chat_request *request)
{
    for (size_t i = 0; i < request->message_count; i++) {
        size_t results = 0, calls = 0;
        const struct chat_message *message = &request->messages[i];
        for (size_t j = 0; j < message->block_count; j++) {
            results += message->blocks[j].kind == CHAT_TOOL_RESULT;
            bool is_call = message->blocks[j].kind == CHAT_TOOL_USE;
            if (calls > 0 && !is_call) /* text stands before calls there */
                return false;
            calls += is_call;
        }
        if (results > 0 && results < message->block_count)
            return false;
    }
    return true;
}

static void random_requests_come_back(void **state)
{
    (void)state;
    static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &chat_codec};
    yyjson_doc *doc;
    struct error error;
    unsigned in_chat = 0;
    assert_int_equal(json_parse_exact(STR("{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"number\"}}}"), &doc,
                                      &error), OK);
    for (seed = 1; seed < 600;) {
        uint64_t start = seed;
        const struct codec *codec = codecs[start % 3];
        struct parsed parsed;
        struct arena arena;
        struct buf before, after, body;
        struct chat_request request = {.arena = &arena};
        arena_init(&arena, 0);
        random_request(&request, codec != &chat_codec, yyjson_doc_get_root(doc));
        seed = start + 1;
        if (codec != &chat_codec || says_the_same_in_chat(&request)) {
            buf_init(&before, 1 << 20);
            buf_init(&after, 1 << 20);
            write_ok(codec, &request, &body);
            parse_open(&parsed, codec, buf_str(&body));
            request.needs = parsed.request.needs;
            dump_request(&before, &request);
            dump_request(&after, &parsed.request);
            same(&before, &after, &body);
            release(&parsed);
            buf_deinit(&before);
            buf_deinit(&after);
            buf_deinit(&body);
            in_chat += codec == &chat_codec;
        }
        arena_deinit(&arena);
    }
    assert_true(in_chat > 20);
    json_free(doc);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    static const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &chat_codec};
    for (size_t i = 0; i < 3; i++) {
        struct parsed parsed;
        bool is_untouched = false;
        parse_open(&parsed, &converse_codec, STR("{" HELLO ",\"inferenceConfig\":{\"maxTokens\":9},\"outputConfig\":{"
                                                 "\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema"
                                                 "\":"
                                                 "{\"schema\":\"{}\"}}}}}"));
        for (uint64_t nth = 1; !is_untouched; nth++) {
            struct buf out;
            struct error error = {0};
            buf_init(&out, 1 << 20);
            mem_fail_at(nth);
            enum error_code code = codecs[i]->request_write(&parsed.request, &with_model, &out, &error);
            is_untouched = mem_fail_count() < nth;
            mem_fail_at(0);
            assert_int_equal(code, is_untouched ? OK : ERROR_NO_MEMORY);
            buf_deinit(&out);
        }
        release(&parsed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_requests_come_back),
        cmocka_unit_test(what_nobody_knows_passes),
        cmocka_unit_test(requests_cross_dialects),
        cmocka_unit_test(members_find_their_other_names),
        cmocka_unit_test(what_has_no_words_is_refused_by_name),
        cmocka_unit_test(marks_cross_dialects),
        cmocka_unit_test(marks_move_where_they_may_stand),
        cmocka_unit_test(counts_ask_for_the_prompt_alone),
        cmocka_unit_test(captured_requests_come_back),
        cmocka_unit_test(captured_claude_inputs_come_back),
        cmocka_unit_test(random_requests_come_back),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
