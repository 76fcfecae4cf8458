/* recall_key.c - see recall_key.h. Each piece goes into the hash with its length or its kind before it, so that no two
 * rows of pieces look alike. */
#include "recall/recall_key.h"

#include "chat/codec.h"
#include "chat/traits.h"
#include "core/checksum.h"

#define FORM 1 /* of the digest: another number wherever it changes */

const char *const recall_fit_words[RECALL_FIT_COUNT] = {
    [RECALL_FITS] = "",
    [RECALL_TOOLS] = "tools",
    [RECALL_SAMPLED] = "sampled",
    [RECALL_STATEFUL] = "stateful",
    [RECALL_ELSEWHERE] = "elsewhere",
    [RECALL_VERBATIM] = "verbatim",
};

enum recall_fit recall_fits(const struct chat_request *request, const struct config_recall *rules, bool is_greedy)
{
    const uint32_t calls = CHAT_NEED_SERVER_TOOLS | CHAT_NEED_CONNECTORS | CHAT_NEED_TOOL_CHANGES;
    const bool is_sampled = request->sampling.temperature > 0 || (!request->sampling.has_temperature && !is_greedy);
    if (request->earlier)
        return RECALL_STATEFUL;
    if ((request->needs & CHAT_NEEDS_VERBATIM) || request->choices > 1 || request->is_extra_lost)
        return RECALL_VERBATIM;
    if (request->needs & (CHAT_NEED_FILES_ELSEWHERE | CHAT_NEED_MANAGED_PROMPTS | CHAT_NEED_GUARDRAILS))
        return RECALL_ELSEWHERE;
    if ((request->tool_count > 0 || ((request->needs | request->wants) & calls)) && !rules->tools)
        return RECALL_TOOLS;
    return is_sampled && !rules->sampled ? RECALL_SAMPLED : RECALL_FITS;
}

bool recall_keeps(enum chat_stop_reason stop, bool is_bounded)
{
    return stop == CHAT_STOP_END_TURN || stop == CHAT_STOP_SEQUENCE || stop == CHAT_STOP_TOOL_USE ||
           (stop == CHAT_STOP_MAX_TOKENS && is_bounded);
}

/* --- pieces ------------------------------------------------------------------------------------------- */

static void feed_number(struct checksum *sum, uint64_t number)
{
    checksum_update(sum, &number, sizeof(number));
}

static void feed_real(struct checksum *sum, double number)
{
    checksum_update(sum, &number, sizeof(number));
}

static void feed_text(struct checksum *sum, struct str text)
{
    feed_number(sum, text.data ? text.len : UINT64_MAX);
    if (text.len > 0)
        checksum_update(sum, text.data, text.len);
}

static void feed_json(struct checksum *sum, yyjson_val *value);

static void feed_array(struct checksum *sum, yyjson_val *array)
{
    yyjson_val *item;
    size_t i, count;
    feed_number(sum, yyjson_arr_size(array));
    yyjson_arr_foreach(array, i, count, item)
        feed_json(sum, item);
}

static void feed_object(struct checksum *sum, yyjson_val *object)
{
    yyjson_val *key, *value;
    size_t i, count;
    feed_number(sum, yyjson_obj_size(object));
    yyjson_obj_foreach(object, i, count, key, value)
    {
        feed_text(sum, (struct str){yyjson_get_str(key), yyjson_get_len(key)});
        feed_json(sum, value);
    }
}

/* As deep as json.h lets documents be. */
static void feed_json(struct checksum *sum, yyjson_val *value)
{
    const uint8_t tag = value ? yyjson_get_tag(value) : 0;
    checksum_update(sum, &tag, sizeof(tag));
    if (yyjson_is_arr(value))
        feed_array(sum, value);
    else if (yyjson_is_obj(value))
        feed_object(sum, value);
    else if (yyjson_is_str(value))
        feed_text(sum, (struct str){yyjson_get_str(value), yyjson_get_len(value)});
    else if (yyjson_is_raw(value))
        feed_text(sum, (struct str){yyjson_get_raw(value), yyjson_get_len(value)});
    else if (yyjson_is_num(value))
        feed_number(sum, value->uni.u64);
}

/* --- the prompt --------------------------------------------------------------------------------------- */

static void feed_citations(struct checksum *sum, const struct chat_block *block)
{
    feed_number(sum, block->citation_count);
    for (size_t i = 0; i < block->citation_count; i++) {
        const struct chat_citation *citation = &block->citations[i];
        feed_number(sum, citation->kind);
        feed_text(sum, citation->title);
        feed_text(sum, citation->link);
        feed_text(sum, citation->text);
        feed_number(sum, citation->index);
        feed_number(sum, citation->first);
        feed_number(sum, citation->last);
    }
}

/* What a block says itself. The text of a file that was read follows from its bytes. */
static void feed_words(struct checksum *sum, const struct chat_block *block)
{
    feed_number(sum, block->source);
    feed_text(sum, block->text);
    feed_text(sum, block->name);
    feed_text(sum, block->id);
    feed_text(sum, block->json);
    feed_text(sum, block->data);
    feed_json(sum, block->value);
    feed_number(sum, block->is_error);
    feed_citations(sum, block);
}

static void feed_block(struct checksum *sum, const struct chat_block *block)
{
    feed_number(sum, block->kind);
    feed_json(sum, block->raw);
    if (!block->raw)
        feed_words(sum, block);
}

static void feed_blocks(struct checksum *sum, const struct chat_block *blocks, size_t count)
{
    feed_number(sum, count);
    for (size_t i = 0; i < count; i++) {
        feed_block(sum, &blocks[i]);
        feed_number(sum, blocks[i].content_count);
        for (size_t k = 0; k < blocks[i].content_count; k++)
            feed_block(sum, &blocks[i].content[k]);
    }
}

static void feed_messages(struct checksum *sum, const struct chat_request *request)
{
    feed_text(sum, request->raw_prompt);
    feed_blocks(sum, request->system, request->system_count);
    feed_number(sum, request->message_count);
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        feed_number(sum, message->role);
        feed_json(sum, message->raw);
        if (!message->raw)
            feed_blocks(sum, message->blocks, message->block_count);
    }
}

static void feed_tools(struct checksum *sum, const struct chat_request *request)
{
    feed_number(sum, request->tool_count);
    for (size_t i = 0; i < request->tool_count; i++) {
        const struct chat_tool *tool = &request->tools[i];
        feed_text(sum, tool->name);
        feed_text(sum, tool->description);
        feed_json(sum, tool->schema);
        feed_json(sum, tool->raw);
        feed_number(sum, tool->is_strict);
    }
    feed_number(sum, request->tool_choice);
    feed_text(sum, request->tool_choice_name);
    feed_number(sum, request->is_single_call);
}

/* --- the rest ----------------------------------------------------------------------------------------- */

/* Members at the root that say who asks, in what conversation or how it is served; no model is shown them. */
static bool is_about_client(const struct chat_extra *extra)
{
    static const char *const names[] = {"user", "metadata", "safety_identifier", "session_id", "store", "service_tier",
                                        "prompt_cache_key", "prompt_cache_options", "requestMetadata", "serviceTier"};
    if (extra->where[0] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(extra->name, str_of(names[i])))
            return true;
    return false;
}

static void feed_extras(struct checksum *sum, const struct chat_request *request)
{
    for (const struct chat_extra *extra = request->extras; extra; extra = extra->next) {
        if (is_about_client(extra))
            continue;
        feed_text(sum, str_of(extra->where));
        feed_text(sum, extra->name);
        feed_json(sum, extra->raw);
    }
    feed_number(sum, UINT64_MAX); /* no length of a path */
}

static void feed_sampling(struct checksum *sum, const struct chat_request *request)
{
    const struct chat_sampling *sampling = &request->sampling;
    feed_number(sum, sampling->has_temperature);
    feed_number(sum, sampling->has_top_p);
    feed_number(sum, sampling->has_top_k);
    feed_number(sum, sampling->has_seed);
    feed_real(sum, sampling->temperature);
    feed_real(sum, sampling->top_p);
    feed_number(sum, (uint64_t)sampling->top_k);
    feed_number(sum, sampling->seed);
    feed_number(sum, request->max_tokens);
    feed_number(sum, request->stop_count);
    for (size_t i = 0; i < request->stop_count; i++)
        feed_text(sum, request->stop_sequences[i]);
}

bool recall_digest(const struct chat_request *request, uint8_t digest[SHA256_LEN])
{
    struct checksum sum;
    if (!checksum_init(&sum, CHECKSUM_SHA256))
        return false;
    feed_number(&sum, FORM);
    feed_text(&sum, request->origin ? str_of(request->origin->name) : STR(""));
    feed_text(&sum, request->api_version);
    feed_text(&sum, request->betas);
    feed_text(&sum, request->cache_salt);
    feed_messages(&sum, request);
    feed_tools(&sum, request);
    feed_json(&sum, request->output_schema);
    feed_sampling(&sum, request);
    feed_number(&sum, request->needs);
    feed_number(&sum, request->wants);
    feed_extras(&sum, request);
    checksum_final(&sum, digest);
    checksum_deinit(&sum);
    return true;
}

bool recall_key_make(const uint8_t digest[SHA256_LEN], struct str tenant, struct str route, struct str model_id,
                     struct recall_key *key)
{
    struct checksum sum;
    if (!checksum_init(&sum, CHECKSUM_SHA256))
        return false;
    checksum_update(&sum, digest, SHA256_LEN);
    feed_text(&sum, tenant);
    feed_text(&sum, route);
    feed_text(&sum, model_id);
    checksum_final(&sum, key->hash);
    checksum_deinit(&sum);
    return true;
}
