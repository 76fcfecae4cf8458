/* The models' own bodies: chat completions, Mistral, Titan, Cohere, and the first ones. */
#include "body_fixture.h"

#include "api/native/cohere.h"
#include "api/native/native.h"

static void parse(struct parsed *parsed, const struct codec *codec, const char *body)
{
    parsed_init(parsed, false);
    parsed->request.model_id = STR("the.model");
    parsed->code = codec_parse_text(codec, str_of(body), CODEC_GENERATE, &parsed->request, &parsed->error);
}

static void parse_ok(struct parsed *parsed, const struct codec *codec, const char *body)
{
    parse(parsed, codec, body);
    if (parsed->code != OK || chat_request_check(&parsed->request, &parsed->error) != OK)
        fail_msg("%s\n  in %s", parsed->error.message, body);
}

static void refused(const struct codec *codec, const char *body, const char *message)
{
    struct parsed parsed;
    parse(&parsed, codec, body);
    release_refused(&parsed, message);
}

/* --- what is written -------------------------------------------------------------------------------- */

struct chunks {
    struct buf text; /* a line each */
    size_t count;
};

static void collect(void *ctx, struct str event_type, struct str payload)
{
    struct chunks *chunks = ctx;
    yyjson_doc *doc;
    struct error error;
    assert_str_equal(event_type, "chunk");
    if (json_parse(payload, &doc, &error) != OK)
        fail_msg("%s", error.message);
    json_free(doc);
    buf_append_str(&chunks->text, payload);
    buf_append_char(&chunks->text, '\n');
    chunks->count++;
}

static const struct chat_reply_block two_blocks[] = {
    {.kind = CHAT_TEXT, .text = {"Hi \"you\"", 8}},
    {.kind = CHAT_TOOL_USE, .text = {"{\"a\":1}", 7}, .tool_id = {"t1", 2}, .tool_name = {"look", 4}},
};

static struct chat_reply reply_of(size_t blocks, enum chat_stop_reason stop)
{
    return (struct chat_reply){
        .request_id = STR("r-1"),
        .model_id = STR("m"),
        .blocks = two_blocks,
        .block_count = blocks,
        .stop = stop,
        .usage = {.input_tokens = 5, .output_tokens = 3, .cache_read_tokens = 2},
        .latency_ms = 7,
        .first_byte_ms = 4,
    };
}

static void has(struct buf *out, const char *part)
{
    if (str_find(buf_str(out), str_of(part), 0) < 0)
        fail_msg(STR_FMT "\n  does not hold\n%s", STR_ARG(buf_str(out)), part);
}

static void written(const struct codec *codec, const char *body, size_t blocks, enum chat_stop_reason stop,
                    struct buf *out)
{
    struct parsed parsed;
    yyjson_doc *doc;
    struct chat_reply reply = reply_of(blocks, stop);
    parse_ok(&parsed, codec, body);
    buf_init(out, 1 << 20);
    assert_true(codec->write(&parsed.request, &reply, out));
    if (json_parse(buf_str(out), &doc, &parsed.error) != OK)
        fail_msg("%s", parsed.error.message);
    json_free(doc);
    release(&parsed);
}

static void streamed(const struct codec *codec, const char *body, size_t blocks, enum chat_stop_reason stop,
                     struct chunks *chunks)
{
    struct parsed parsed;
    struct chat_reply reply = reply_of(blocks, stop);
    parse_ok(&parsed, codec, body);
    *chunks = (struct chunks){0};
    buf_init(&chunks->text, 1 << 20);
    struct codec_stream stream = {.codec = codec, .request = &parsed.request, .ctx = chunks, .emit = collect};
    buf_init(&stream.scratch, 1 << 20);
    codec->stream_start(&stream, &reply);
    for (size_t i = 0; i < blocks; i++) {
        codec->stream_block_start(&stream, i, two_blocks[i].kind, two_blocks[i].tool_id, two_blocks[i].tool_name);
        codec->stream_block_delta(&stream, i, two_blocks[i].kind, two_blocks[i].text);
        codec->stream_block_stop(&stream, i, two_blocks[i].kind);
    }
    codec->stream_end(&stream, &reply);
    assert_false(codec_stream_failed(&stream));
    buf_deinit(&stream.scratch);
    release(&parsed);
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define LOOK "{\"type\":\"function\",\"function\":{\"name\":\"look\",\"description\":\"d\",\"parameters\":{\"type\":" \
    "\"object\"}}}"

/* --- chat completions --------------------------------------------------------------------------------- */

static void chat_bodies(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &chat_codec,
             "{\"model\":\"x\",\"stream\":false,\"messages\":["
             "{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text"
             "\":\"D\"}]},"
             "{\"role\":\"assistant\",\"content\":\"Hello\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"te"
             "xt\":\"A\"},"
             "{\"type\":\"text\",\"text\":\"B\"}],\"name\":\"n\"},{\"role\":\"assistant\",\"content\":null,\"tool_ca"
             "lls\":["
             "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"a\\\": 1}\"}},"
             "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"\"}}]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"one\"},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},{\"type\":"
             "\"text\",\"text\":\"u\"}]},"
             "{\"role\":\"system\",\"content\":\"late\"},{\"role\":\"user\",\"content\":\"go\"}],"
             "\"tools\":[" LOOK "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"look\"}},"
             "\"max_tokens\":5,\"max_completion_tokens\":9,\"temperature\":1.5,\"top_p\":0.5,\"top_k\":-1,\"seed\":-3,"
             "\"stop\":\"END\",\"n\":1,\"logprobs\":false,\"user\":\"u\",\"reasoning_effort\":\"low\"}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->system_count, 2);
    assert_str_equal(request->system[1].text, "D");
    assert_int_equal(request->message_count, 6);
    assert_int_equal(request->messages[0].role, CHAT_ASSISTANT);
    assert_int_equal(request->messages[1].block_count, 2);
    assert_int_equal(request->messages[2].block_count, 2);
    assert_str_equal(request->messages[2].blocks[0].json, "{\"a\":1}");
    assert_str_equal(request->messages[2].blocks[1].json, "{}");
    assert_int_equal(request->messages[3].block_count, 2); /* results that follow each other */
    assert_str_equal(result_text(&parsed.arena, &request->messages[3].blocks[1]), "t\nu");
    assert_int_equal(request->messages[4].role, CHAT_SYSTEM);
    assert_int_equal(request->tool_choice, CHAT_TOOL_NAMED);
    assert_int_equal(request->max_tokens, 9);
    assert_int_equal(request->sampling.top_k, 0);
    assert_true(request->sampling.has_seed && request->sampling.temperature == 1.5);
    assert_str_equal(request->stop_sequences[0], "END");
    assert_str_equal(ignored_list(&parsed.ignored), "reasoning_effort");
    release(&parsed);
    parse_ok(&parsed, &chat_codec, "{" HELLO ",\"tools\":[" LOOK "],\"tool_choice\":\"required\",\"response_format\""
        ":{\"type\":"
                                   "\"text\"},\"stop\":[\"a\",\"b\"],\"parallel_tool_calls\":false}");
    assert_int_equal(parsed.request.tool_choice, CHAT_TOOL_ANY);
    assert_int_equal(parsed.request.stop_count, 2);
    release(&parsed);
    parse_ok(&parsed, &chat_codec, "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name"
        "\":\"n\","
                                   "\"strict\":true,\"schema\":{\"type\":\"integer\"}}}}");
    assert_non_null(yyjson_obj_get(parsed.request.output_schema, "type"));
    release(&parsed);
    parse_ok(&parsed, &chat_codec, "{\"prompt\":\"Once\",\"max_tokens\":3,\"stop\":[\"x\"]}");
    assert_str_equal(parsed.request.raw_prompt, "Once");
    release(&parsed);
}

static void many_results_are_linear(void **state)
{
    (void)state;
    struct buf body;
    struct parsed parsed;
    buf_init(&body, 8 << 20);
    buf_append_text(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}");
    for (int i = 0; i < 5000; i++)
        buf_append_text(&body, ",{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}");
    buf_append_text(&body, "]}");
    buf_append_char(&body, '\0');
    parse_ok(&parsed, &chat_codec, body.data);
    assert_int_equal(parsed.request.messages[1].block_count, 5000);
    assert_true(parsed.arena.bytes < 16u << 20);
    release(&parsed);
    buf_deinit(&body);
}

static void chat_errors_name_the_field(void **state)
{
    (void)state;
    const struct codec *codec = &chat_codec;
    refused(codec, "[]", "the request body must be a JSON object");
    refused(codec, "{}", "messages: required and missing");
    refused(codec, "{" HELLO ",\"n\":2}", "n: one reply");
    refused(codec, "{" HELLO ",\"logprobs\":true}", "logprobs: probabilities");
    refused(codec, "{" HELLO ",\"logit_bias\":{\"1\":1}}", "logit_bias: ");
    refused(codec, "{" HELLO ",\"functions\":[{}]}", "functions: send tools");
    refused(codec, "{" HELLO ",\"max_tokens\":0}", "max_tokens: must be between 1");
    refused(codec, "{" HELLO ",\"temperature\":3}", "temperature: must be between 0 and 2");
    refused(codec, "{" HELLO ",\"tool_choice\":\"maybe\"}", "tool_choice: must be one of auto");
    refused(codec, "{" HELLO ",\"tools\":[{\"type\":\"retrieval\"}]}", "tools[0].type: only tools of type function");
    refused(codec, "{" HELLO ",\"response_format\":{\"type\":\"xml\"}}", "response_format.type: must be one of");
    refused(codec, "{\"prompt\":\"a\"," HELLO "}", "prompt: given beside messages");
    refused(codec, "{\"prompt\":[\"a\"]}", "prompt: expected a string");
    refused(codec, "{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}", "messages[0].role: must be one of");
    refused(codec, "{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content: required and missing");
    refused(codec, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}",
            "messages[0].content[0].type: image_url: this model reads text only");
    refused(codec, "{\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}", "messages[0].tool_call_id: required");
    refused(codec, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"b\","
                   "\"arguments\":\"[\"}}]}]}",
            "messages[0].tool_calls[0].function.arguments: is not JSON");
}

static void chat_replies(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    written(&chat_codec, "{" HELLO ",\"tools\":[" LOOK "]}", 2, CHAT_STOP_TOOL_USE, &out);
    has(&out, "\"id\":\"chatcmpl-r-1\",\"object\":\"chat.completion\"");
    has(&out, "\"message\":{\"role\":\"assistant\",\"content\":\"Hi \\\"you\\\"\",\"tool_calls\":[{\"id\":\"t1\",\"t"
        "ype\":\"function\","
              "\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"a\\\":1}\"}}]},\"finish_reason\":\"tool_calls\"");
    has(&out, "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,");
    buf_deinit(&out);
    written(&chat_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &out);
    has(&out, "\"choices\":[{\"index\":0,\"text\":\"Hi \\\"you\\\"\",\"stop_reason\":\"length\",\"finish_reason\":\""
        "length\"}]");
    buf_deinit(&out);
    streamed(&chat_codec, "{" HELLO ",\"tools\":[" LOOK "]}", 2, CHAT_STOP_TOOL_USE, &chunks);
    has(&chunks.text, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]");
    has(&chunks.text, "\"delta\":{\"content\":\"Hi \\\"you\\\"\"},\"finish_reason\":null}]");
    has(&chunks.text, "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"n"
        "ame\":\"look\","
                      "\"arguments\":\"\"}}]}");
    has(&chunks.text, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}]");
    has(&chunks.text, "\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{");
    has(&chunks.text, "\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":5");
    assert_int_equal(chunks.count, 5);
    buf_deinit(&chunks.text);
    streamed(&chat_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_END_TURN, &chunks);
    has(&chunks.text, "\"choices\":[{\"index\":0,\"text\":\"Hi \\\"you\\\"\",\"stop_reason\":null,\"finish_reason\":"
        "null}]");
    has(&chunks.text, "\"text\":\"\",\"stop_reason\":\"stop\",\"finish_reason\":\"stop\"}]");
    buf_deinit(&chunks.text);
}

/* --- Mistral ------------------------------------------------------------------------------------------ */

static void mistral_bodies(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    struct parsed parsed;
    parse_ok(&parsed, &mistral_codec, "{\"prompt\":\"<s>[INST] Hi [/INST]\",\"max_tokens\":4,\"top_k\":50,\"stop\":["
        "]}");
    assert_str_equal(parsed.request.raw_prompt, "<s>[INST] Hi [/INST]");
    assert_true(parsed.request.sampling.top_k == 50 && parsed.request.sampling.temperature == 0.7);
    release(&parsed);
    parse_ok(&parsed, &mistral_codec, "{" HELLO ",\"tools\":[" LOOK "],\"tool_choice\":\"any\"}");
    assert_int_equal(parsed.request.tool_choice, CHAT_TOOL_ANY);
    release(&parsed);
    written(&mistral_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_SEQUENCE, &out);
    assert_str_equal(buf_str(&out), "{\"outputs\":[{\"text\":\"Hi \\\"you\\\"\",\"stop_reason\":\"stop\"}]}");
    buf_deinit(&out);
    written(&mistral_codec, "{" HELLO "}", 2, CHAT_STOP_TOOL_USE, &out);
    has(&out, "}]},\"stop_reason\":\"tool_calls\",\"finish_reason\":\"tool_calls\"}]");
    buf_deinit(&out);
    streamed(&mistral_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &chunks);
    has(&chunks.text, "{\"outputs\":[{\"text\":\"Hi \\\"you\\\"\",\"stop_reason\":null}]}");
    has(&chunks.text, "{\"outputs\":[{\"text\":\"\",\"stop_reason\":\"length\"}],");
    buf_deinit(&chunks.text);
    streamed(&mistral_codec, "{" HELLO "}", 1, CHAT_STOP_END_TURN, &chunks);
    has(&chunks.text, "\"message\":{\"role\":\"assistant\",\"content\":\"Hi \\\"you\\\"\"},\"stop_reason\":null,\"fi"
        "nish_reason\":null");
    buf_deinit(&chunks.text);
}

/* --- Titan -------------------------------------------------------------------------------------------- */

static void titan_bodies(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    struct parsed parsed;
    parse_ok(&parsed, &titan_codec, "{\"inputText\":\"Say: hello\",\"textGenerationConfig\":{\"temperature\":0,\"top"
        "P\":1,"
                                    "\"maxTokenCount\":20,\"stopSequences\":[\"User:\"]}}");
    assert_true(parsed.request.message_count == 1 && parsed.request.max_tokens == 20);
    assert_str_equal(parsed.request.messages[0].blocks[0].text, "Say: hello");
    release(&parsed);
    parse_ok(&parsed, &titan_codec, "{\"inputText\":\"User: What is\\nUser?\\nBot: That is\\nyou.\\nUser: And you?\\"
        "nBot:\"}");
    assert_int_equal(parsed.request.message_count, 3);
    assert_str_equal(parsed.request.messages[0].blocks[0].text, "What is\nUser?");
    assert_str_equal(parsed.request.messages[1].blocks[0].text, "That is\nyou.");
    assert_true(parsed.request.messages[1].role == CHAT_ASSISTANT && parsed.request.max_tokens == 512);
    release(&parsed);
    refused(&titan_codec, "{}", "inputText: required and missing");
    refused(&titan_codec, "{\"inputText\":\"a\",\"textGenerationConfig\":{\"temperature\":2}}",
            "textGenerationConfig.temperature: must be between");
    written(&titan_codec, "{\"inputText\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &out);
    assert_str_equal(buf_str(&out), "{\"inputTextTokenCount\":7,\"results\":[{\"tokenCount\":3,\"outputText\":\"Hi "
        "\\\"you\\\"\","
                                    "\"completionReason\":\"LENGTH\"}]}");
    buf_deinit(&out);
    streamed(&titan_codec, "{\"inputText\":\"a\"}", 1, CHAT_STOP_SEQUENCE, &chunks);
    has(&chunks.text, "{\"outputText\":\"Hi \\\"you\\\"\",\"index\":0,\"totalOutputTextTokenCount\":null,\"completio"
        "nReason\":null,");
    has(&chunks.text, "\"totalOutputTextTokenCount\":3,\"completionReason\":\"STOP_CRITERIA_MET\",\"inputTextTokenCo"
        "unt\":7,");
    buf_deinit(&chunks.text);
}

/* --- Cohere ------------------------------------------------------------------------------------------- */

#define TOP_SONG "{\"name\":\"song\",\"description\":\"d\",\"parameter_definitions\":{\"sign\":{\"type\":\"str" \
    "\",\"required\":true," \
                 "\"description\":\"x\"},\"many\":{\"type\":\"List[int]\"}}}"

static void cohere_bodies(void **state)
{
    (void)state;
    struct parsed parsed;
    parse_ok(&parsed, &cohere_codec, "{\"prompt\":\"Sum up\",\"max_tokens\":9,\"p\":1,\"k\":0,\"num_generations\":1,"
                                     "\"return_likelihoods\":\"NONE\",\"stream\":true,\"logit_bias\":{}}");
    assert_str_equal(parsed.request.raw_prompt, "Sum up");
    release(&parsed);
    parse_ok(&parsed, &cohere_codec,
             "{\"message\":\"Which?\",\"preamble\":\"P\",\"chat_history\":[{\"role\":\"USER\",\"message\":\"a\"},{\""
                 "role\":\"CHATBOT\","
             "\"message\":\"b\"}],\"documents\":[{\"title\":\"T\",\"snippet\":\"S\"}],\"tools\":[" TOP_SONG "],\"too"
             "l_results\":["
             "{\"call\":{\"name\":\"song\",\"parameters\":{\"sign\":\"W\"}},\"outputs\":[{\"song\":\"E\"}]}],\"k\":3"
             ".0,\"seed\":1}");
    const struct chat_request *request = &parsed.request;
    assert_int_equal(request->message_count, 5);
    assert_str_equal(request->system[0].text, "P");
    assert_int_equal(request->messages[2].blocks[0].kind, CHAT_DOCUMENT);
    assert_str_equal(request->messages[2].blocks[0].text, "title: T\nsnippet: S\n");
    assert_str_equal(request->messages[2].blocks[1].text, "Which?");
    assert_str_equal(request->messages[3].blocks[0].json, "{\"sign\":\"W\"}");
    assert_str_equal(result_text(&parsed.arena, &request->messages[4].blocks[0]), "[{\"song\":\"E\"}]");
    assert_str_equal(request->messages[4].blocks[0].id, "call_0");
    yyjson_val *properties = yyjson_obj_get(request->tools[0].schema, "properties");
    assert_true(yyjson_equals_str(yyjson_obj_get(yyjson_obj_get(properties, "many"), "type"), "array"));
    assert_true(yyjson_equals_str(yyjson_arr_get(yyjson_obj_get(request->tools[0].schema, "required"), 0), "sign"));
    assert_true(request->sampling.top_k == 3 && request->sampling.temperature == 0.3);
    release(&parsed);
    parse_ok(&parsed, &cohere_codec, "{\"message\":\"[raw]\",\"raw_prompting\":true}");
    assert_str_equal(parsed.request.raw_prompt, "[raw]");
    release(&parsed);
    assert_null(cohere_type(STR("tuple")));
    refused(&cohere_codec, "{}", "message: required and missing");
    refused(&cohere_codec, "{\"message\":\"a\",\"search_queries_only\":true}", "search_queries_only: ");
    refused(&cohere_codec, "{\"message\":\"a\",\"chat_history\":[{\"role\":\"TOOL\"}]}", "chat_history[0].role: must"
        " be one");
    refused(&cohere_codec, "{\"message\":\"a\",\"tools\":[{\"name\":\"t\",\"parameter_definitions\":{\"x\":{\"type\""
        ":\"tuple\"}}}]}",
            "tools[0].parameter_definitions.x.type: must be one of str");
    refused(&cohere_codec, "{\"prompt\":\"a\",\"num_generations\":2}", "num_generations: one reply");
}

static void cohere_replies(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    written(&cohere_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_END_TURN, &out);
    assert_str_equal(buf_str(&out), "{\"id\":\"r-1\",\"generations\":[{\"id\":\"r-1\",\"text\":\"Hi \\\"you\\\"\",\""
        "finish_reason\":"
                                    "\"COMPLETE\"}],\"prompt\":\"a\"}");
    buf_deinit(&out);
    written(&cohere_codec, "{\"message\":\"q\",\"chat_history\":[{\"role\":\"USER\",\"message\":\"a\"}],\"tools\":"
        "[" TOP_SONG "]}", 2,
            CHAT_STOP_TOOL_USE, &out);
    has(&out, "\"text\":\"Hi \\\"you\\\"\",\"generation_id\":\"r-1\",\"chat_history\":[{\"role\":\"USER\",\"message"
        "\":\"a\"},{\"role\":\"USER\","
              "\"message\":\"q\"},{\"role\":\"CHATBOT\",\"message\":\"Hi \\\"you\\\"\"}],\"tool_calls\":[{\"name\":"
              "\"look\",\"parameters\":"
              "{\"a\":1}}],\"finish_reason\":\"COMPLETE\"");
    buf_deinit(&out);
    streamed(&cohere_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &chunks);
    has(&chunks.text, "{\"is_finished\":false,\"index\":0,\"text\":\"Hi \\\"you\\\"\"}");
    has(&chunks.text, "{\"is_finished\":true,\"index\":0,\"finish_reason\":\"MAX_TOKENS\",");
    buf_deinit(&chunks.text);
    streamed(&cohere_codec, "{\"message\":\"a\"}", 1, CHAT_STOP_END_TURN, &chunks);
    has(&chunks.text, "\"event_type\":\"stream-start\"");
    has(&chunks.text, "\"event_type\":\"text-generation\",\"text\":\"Hi \\\"you\\\"\"}");
    has(&chunks.text, "\"event_type\":\"stream-end\",\"finish_reason\":\"COMPLETE\"");
    has(&chunks.text, "\"response\":{\"response_id\":\"r-1\",\"text\":\"Hi \\\"you\\\"\"");
    buf_deinit(&chunks.text);
}

/* --- the first ones ------------------------------------------------------------------------------------ */

static void claude_completions(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    struct parsed parsed;
    parse_ok(&parsed, &anthropic_codec,
             "{\"prompt\":\"Sys\\n\\nHuman: A\\n\\nAssistant: B\\n\\nHuman: C\\n\\nAssistant:\",\"max_tokens_to_samp"
                 "le\":9,"
             "\"stop_sequences\":[\"\\n\\nHuman:\"],\"anthropic_version\":\"bedrock-2023-05-31\"}");
    assert_str_equal(parsed.request.system[0].text, "Sys");
    assert_int_equal(parsed.request.message_count, 3);
    assert_str_equal(parsed.request.messages[2].blocks[0].text, "C");
    assert_int_equal(parsed.request.max_tokens, 9);
    release(&parsed);
    parse_ok(&parsed, &anthropic_codec, "{\"prompt\":\"\\n\\nHuman: A\\n\\nAssistant: So\"}");
    assert_str_equal(parsed.request.messages[1].blocks[0].text, "So"); /* goes on from there */
    release(&parsed);
    parse_ok(&parsed, &anthropic_codec, "{\"prompt\":\"plain\"}");
    assert_int_equal(parsed.request.messages[0].role, CHAT_USER);
    release(&parsed);
    parse_ok(&parsed, &anthropic_codec, "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":3," HELLO "}");
    assert_int_equal(parsed.request.max_tokens, 3); /* the messages body */
    release(&parsed);
    refused(&anthropic_codec, "{}", "anthropic_version: required and missing");
    written(&anthropic_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_END_TURN, &out);
    assert_str_equal(buf_str(&out), "{\"type\":\"completion\",\"completion\":\"Hi \\\"you\\\"\",\"stop_reason\":"
                                    "\"stop_sequence\",\"stop\":\"\\n\\nHuman:\"}");
    buf_deinit(&out);
    streamed(&anthropic_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &chunks);
    has(&chunks.text, "\"completion\":\"Hi \\\"you\\\"\",\"stop_reason\":null,\"stop\":null}");
    has(&chunks.text, "\"completion\":\"\",\"stop_reason\":\"max_tokens\",\"stop\":null,\"amazon-bedrock");
    buf_deinit(&chunks.text);
}

static void jurassic_bodies(void **state)
{
    (void)state;
    struct buf out;
    struct chunks chunks;
    struct parsed parsed;
    parse_ok(&parsed, &jurassic_codec, "{\"prompt\":\"Tell\",\"maxTokens\":7,\"temperature\":0.1,\"topP\":1,\"numRes"
        "ults\":1,"
                                       "\"countPenalty\":{\"scale\":0},\"stopSequences\":[]}");
    assert_true(parsed.request.max_tokens == 7);
    assert_str_equal(parsed.request.raw_prompt, "Tell");
    release(&parsed);
    refused(&jurassic_codec, "{\"prompt\":\"a\",\"numResults\":2}", "numResults: one reply");
    written(&jurassic_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_END_TURN, &out);
    assert_str_equal(buf_str(&out), "{\"id\":\"r-1\",\"prompt\":{\"text\":\"a\",\"tokens\":[]},\"completions\":[{\"d"
        "ata\":"
                                    "{\"text\":\"Hi \\\"you\\\"\",\"tokens\":[]},\"finishReason\":{\"reason\":\"endo"
                                    "ftext\"}}]}");
    buf_deinit(&out);
    streamed(&jurassic_codec, "{\"prompt\":\"a\"}", 1, CHAT_STOP_MAX_TOKENS, &chunks);
    has(&chunks.text, "\"finishReason\":{\"reason\":\"length\"}}],\"amazon-bedrock");
    assert_int_equal(chunks.count, 1);
    buf_deinit(&chunks.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_bodies),    cmocka_unit_test(many_results_are_linear),
        cmocka_unit_test(chat_replies),   cmocka_unit_test(chat_errors_name_the_field),
        cmocka_unit_test(mistral_bodies), cmocka_unit_test(titan_bodies),
        cmocka_unit_test(cohere_bodies),  cmocka_unit_test(cohere_replies),
        cmocka_unit_test(claude_completions), cmocka_unit_test(jurassic_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
