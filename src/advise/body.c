/* body.c - see body.h. Opens no file, counts no money. */
#include "advise/body.h"

#include "core/json.h"
#include "core/limits.h"

#define TEXT_BYTES_MAX (16u << 20)
#define MEDIA_BYTES 6000 /* what an image is worth beside text: some 1,500 tokens */
#define TOKENS_MAX 1e8  /* of one request; more is no count */
#define MEDIA_FROM 2048  /* a shorter one is a link or a name */

/* --- hashes ------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static bool is_mark_name(struct str name)
{
    return str_eq(name, STR("cache_control")) || str_eq(name, STR("cachePoint"));
}

/* Of all that a value says but marks, with about how many bytes of JSON it is. */
static uint64_t value_hash(yyjson_val *value, size_t *bytes)
{
    uint64_t hash = yyjson_get_type(value);
    size_t idx, max;
    yyjson_val *key, *item;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR:
        *bytes += yyjson_get_len(value) + 2;
        return mix(hash, str_hash(json_str(value)));
    case YYJSON_TYPE_NUM:
        *bytes += 4;
        return mix(hash, yyjson_is_real(value) ? (uint64_t)(yyjson_get_real(value) * 1e6) : yyjson_get_uint(value));
    case YYJSON_TYPE_ARR:
        yyjson_arr_foreach(value, idx, max, item) hash = mix(hash, value_hash(item, bytes));
        *bytes += 2 + yyjson_arr_size(value);
        return hash;
    case YYJSON_TYPE_OBJ:
        yyjson_obj_foreach(value, idx, max, key, item)
        {
            if (is_mark_name(json_str(key)))
                continue;
            *bytes += yyjson_get_len(key) + 4;
            hash = mix(mix(hash, str_hash(json_str(key))), value_hash(item, bytes));
        }
        return hash;
    default: *bytes += 4; return mix(hash, yyjson_get_bool(value));
    }
}

/* --- blocks ------------------------------------------------------------------------------------------ */

struct builder {
    struct arena *arena;
    struct advise_record *record;
    size_t cap;
    bool failed;
};

/* Where the next block of the part stands; behind LIMIT_ADVISE_BLOCKS_READ blocks the last one takes what is left. */
static struct advise_block *block_add(struct builder *builder, uint64_t hash, size_t bytes)
{
    struct advise_record *record = builder->record;
    if (record->block_count == LIMIT_ADVISE_BLOCKS_READ) {
        struct advise_block *last = &record->blocks[record->block_count - 1];
        last->hash = mix(last->hash, hash);
        last->bytes += bytes;
        last->text = (struct str){NULL, 0};
        return last;
    }
    if (record->block_count == builder->cap) {
        const size_t cap = builder->cap ? 2 * builder->cap : 8;
        struct advise_block *more = ARENA_ARRAY(builder->arena, struct advise_block, cap);
        if (!more) {
            builder->failed = true;
            return NULL;
        }
        if (builder->cap)
            memcpy(more, record->blocks, builder->cap * sizeof(*more));
        record->blocks = more;
        builder->cap = cap;
    }
    struct advise_block *block = &record->blocks[record->block_count++];
    *block = (struct advise_block){.hash = hash, .bytes = bytes};
    return block;
}

struct place {
    uint8_t part, role;
    uint16_t message;
};

static struct advise_block *add(struct builder *builder, struct place place, uint64_t hash, size_t bytes)
{
    struct advise_block *block = block_add(builder, mix(hash, place.part * 8u + place.role), bytes);
    if (block) {
        block->part = place.part;
        block->role = place.role;
        block->message = place.message;
    }
    return block;
}

static void add_text(struct builder *builder, struct place place, struct str text)
{
    if (text.len == 0)
        return;
    struct advise_block *block = add(builder, place, str_hash(text), text.len);
    if (block && block->bytes == text.len)
        block->text = text;
}

static uint8_t mark_of(yyjson_val *point)
{
    if (!yyjson_is_obj(point))
        return ADVISE_UNMARKED;
    return yyjson_equals_str(yyjson_obj_get(point, "ttl"), "1h") ? ADVISE_MARK_1H : ADVISE_MARK_5M;
}

static void mark_last(struct builder *builder, uint8_t mark)
{
    struct advise_record *record = builder->record;
    if (record->block_count > 0 && mark != ADVISE_UNMARKED)
        record->blocks[record->block_count - 1].mark = mark;
}

static bool is_media(yyjson_val *block)
{
    static const char *const names[] = {"image", "document", "video",       "audio",       "source",
                                        "image_url", "file", "input_audio", "inline_data", "image_base64"};
    const struct str type = json_str(yyjson_obj_get(block, "type"));
    if (str_eq(type, STR("image")) || str_eq(type, STR("input_image")) || str_eq(type, STR("document")))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (yyjson_obj_get(block, names[i]))
            return true;
    return false;
}

static void add_value(struct builder *builder, struct place place, yyjson_val *value)
{
    size_t bytes = 0;
    const uint64_t hash = value_hash(value, &bytes);
    const bool shows = yyjson_is_obj(value) && is_media(value);
    struct advise_block *block = add(builder, place, hash, shows && bytes > MEDIA_FROM ? MEDIA_BYTES : bytes);
    if (block)
        block->is_media = block->is_media || shows;
}

/* One block of a list. */
static void read_block(struct builder *builder, struct place place, yyjson_val *block)
{
    yyjson_val *point = yyjson_obj_get(block, "cachePoint"), *text = yyjson_obj_get(block, "text");
    if (yyjson_is_str(block))
        add_text(builder, place, json_str(block));
    else if (point && yyjson_obj_size(block) == 1)
        ;
    else if (yyjson_is_str(text) && !yyjson_obj_get(block, "toolUse"))
        add_text(builder, place, json_str(text));
    else if (block)
        add_value(builder, place, block);
    mark_last(builder, mark_of(point ? point : yyjson_obj_get(block, "cache_control")));
}

static void read_content(struct builder *builder, struct place place, yyjson_val *content)
{
    size_t idx, max;
    yyjson_val *block;
    if (yyjson_is_arr(content)) {
        yyjson_arr_foreach(content, idx, max, block) read_block(builder, place, block);
    } else if (content && !yyjson_is_null(content)) {
        read_block(builder, place, content);
    }
}

/* --- the request ------------------------------------------------------------------------------------- */

static void read_tools(struct builder *builder, yyjson_val *tools)
{
    size_t idx, max;
    yyjson_val *tool;
    if (!yyjson_is_arr(tools))
        return;
    yyjson_arr_foreach(tools, idx, max, tool)
    {
        const struct place place = {ADVISE_TOOL, ADVISE_OTHER, 0};
        const bool is_mark = yyjson_obj_get(tool, "cachePoint") && yyjson_obj_size(tool) == 1;
        if (!is_mark) {
            add_value(builder, place, tool);
            builder->record->tool_count++;
        }
        yyjson_val *point = yyjson_obj_get(tool, "cachePoint");
        mark_last(builder, mark_of(point ? point : yyjson_obj_get(tool, "cache_control")));
    }
}

static struct place place_of(yyjson_val *message, size_t index)
{
    const struct str role = json_str(yyjson_obj_get(message, "role"));
    struct place place = {ADVISE_MESSAGE, ADVISE_OTHER, (uint16_t)(index < UINT16_MAX ? index : UINT16_MAX)};
    if (str_eq(role, STR("system")) || str_eq(role, STR("developer")))
        place.part = ADVISE_SYSTEM;
    else if (str_eq(role, STR("user")) || str_eq(role, STR("human")))
        place.role = ADVISE_USER;
    else if (str_eq(role, STR("assistant")) || str_eq(role, STR("model")))
        place.role = ADVISE_ASSISTANT;
    return place;
}

static void read_messages(struct builder *builder, yyjson_val *messages)
{
    static const char *const others[] = {"tool_calls", "function_call", "tool_call_id", "arguments", "output"};
    size_t idx, max;
    yyjson_val *message;
    yyjson_arr_foreach(messages, idx, max, message)
    {
        const struct place place = place_of(message, idx);
        builder->record->message_count += place.part == ADVISE_MESSAGE;
        yyjson_val *content = yyjson_obj_get(message, "content");
        if (yyjson_is_str(message))
            content = message;
        read_content(builder, place, content ? content : yyjson_obj_get(message, "parts"));
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
            yyjson_val *other = yyjson_obj_get(message, others[i]);
            if (other && !yyjson_is_null(other))
                add_value(builder, place, other);
        }
        mark_last(builder, mark_of(yyjson_obj_get(message, "cache_control")));
    }
}

static bool asks_for_json(yyjson_val *body)
{
    yyjson_val *format = yyjson_obj_get(body, "response_format"), *output = yyjson_obj_get(body, "outputConfig");
    const struct str type = json_str(yyjson_obj_get(format, "type"));
    return str_starts(type, STR("json")) || yyjson_obj_get(output, "textFormat") ||
           yyjson_obj_get(yyjson_obj_get(body, "output_config"), "format") || yyjson_obj_get(body, "output_format");
}

bool body_read_request(yyjson_val *body, struct arena *arena, struct advise_record *record)
{
    static const char *const prompts[] = {"prompt", "inputText", "input"};
    struct builder builder = {.arena = arena, .record = record};
    yyjson_val *tools = yyjson_obj_get(body, "tools"), *messages = yyjson_obj_get(body, "messages");
    record->block_count = record->tool_count = record->message_count = 0;
    if (!record->tags)
        record->tags = yyjson_obj_get(body, "requestMetadata");
    if (!record->tags)
        record->tags = yyjson_obj_get(body, "metadata");
    read_tools(&builder, tools ? tools : yyjson_obj_get(yyjson_obj_get(body, "toolConfig"), "tools"));
    read_content(&builder, (struct place){ADVISE_SYSTEM, ADVISE_OTHER, 0}, yyjson_obj_get(body, "system"));
    read_content(&builder, (struct place){ADVISE_SYSTEM, ADVISE_OTHER, 0}, yyjson_obj_get(body, "instructions"));
    record->has_schema = asks_for_json(body);
    for (size_t i = 0; !messages && i < sizeof(prompts) / sizeof(prompts[0]); i++) {
        yyjson_val *prompt = yyjson_obj_get(body, prompts[i]);
        if (yyjson_is_str(prompt)) {
            add_text(&builder, (struct place){ADVISE_MESSAGE, ADVISE_USER, 0}, json_str(prompt));
            record->message_count = 1;
            return !builder.failed;
        }
        if (yyjson_is_arr(prompt))
            messages = prompt;
    }
    if (yyjson_is_arr(messages))
        read_messages(&builder, messages);
    return !builder.failed;
}

/* --- counts ------------------------------------------------------------------------------------------ */

/* The first of several names that is a number. */
static bool number_of(yyjson_val *object, const char *const *names, size_t count, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_val *number = yyjson_obj_get(object, names[i]);
        if (!yyjson_is_num(number))
            continue;
        const double real = yyjson_get_num(number);
        *value = real > 0 ? (uint64_t)(real < TOKENS_MAX ? real : TOKENS_MAX) : 0;
        return true;
    }
    return false;
}
#define NUMBER(object, value, ...)                                                                             \
    number_of((object), (const char *const[]){__VA_ARGS__},                                                    \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (value))

/* Writes for an hour are a part of those that are counted together. */
static void split_writes(yyjson_val *usage, uint64_t *tokens)
{
    yyjson_val *details = yyjson_obj_get(usage, "cacheDetails"), *detail;
    uint64_t hour = 0, some = 0;
    size_t idx, max;
    (void)NUMBER(yyjson_obj_get(usage, "cache_creation"), &hour, "ephemeral_1h_input_tokens");
    if (yyjson_is_arr(details)) {
        yyjson_arr_foreach(details, idx, max, detail)
        {
            if (yyjson_equals_str(yyjson_obj_get(detail, "ttl"), "1h") && NUMBER(detail, &some, "inputTokens"))
                hour += some;
        }
    }
    hour = hour < tokens[PRICE_CACHE_WRITE_5M] ? hour : tokens[PRICE_CACHE_WRITE_5M];
    tokens[PRICE_CACHE_WRITE_5M] -= hour;
    tokens[PRICE_CACHE_WRITE_1H] = hour;
}

bool body_read_usage(yyjson_val *usage, struct advise_record *record)
{
    uint64_t *tokens = record->usage.tokens, cached = 0;
    const bool has_input = NUMBER(usage, &tokens[PRICE_INPUT], "inputTokens", "input_tokens", "prompt_tokens",
                                  "inputTokenCount", "prompt_token_count", "inputTextTokenCount");
    const bool has_output = NUMBER(usage, &tokens[PRICE_OUTPUT], "outputTokens", "output_tokens", "completion_tokens",
                                   "outputTokenCount", "generation_token_count");
    (void)NUMBER(usage, &tokens[PRICE_CACHE_READ], "cacheReadInputTokens", "cacheReadInputTokenCount",
                 "cache_read_input_tokens");
    if (NUMBER(usage, &tokens[PRICE_CACHE_WRITE_5M], "cacheWriteInputTokens", "cacheWriteInputTokenCount",
               "cache_creation_input_tokens"))
        split_writes(usage, tokens);
    /* OpenAI's counts of the prompt include what was read from its cache. */
    if (NUMBER(yyjson_obj_get(usage, "prompt_tokens_details"), &cached, "cached_tokens") ||
        NUMBER(yyjson_obj_get(usage, "input_tokens_details"), &cached, "cached_tokens")) {
        cached = cached < tokens[PRICE_INPUT] ? cached : tokens[PRICE_INPUT];
        tokens[PRICE_INPUT] -= cached;
        tokens[PRICE_CACHE_READ] = cached;
    }
    record->has_usage = record->has_usage || has_input || has_output;
    return has_input || has_output;
}

/* --- the reply --------------------------------------------------------------------------------------- */

static void append_content(struct buf *text, yyjson_val *content)
{
    size_t idx, max;
    yyjson_val *block;
    if (yyjson_is_str(content))
        buf_append_str(text, json_str(content));
    if (!yyjson_is_arr(content))
        return;
    yyjson_arr_foreach(content, idx, max, block)
    {
        yyjson_val *inner = yyjson_obj_get(block, "content"), *call = yyjson_obj_get(block, "toolUse");
        buf_append_str(text, json_str(yyjson_obj_get(block, "text")));
        if (inner)
            append_content(text, inner);
        if (call || yyjson_equals_str(yyjson_obj_get(block, "type"), "tool_use"))
            buf_append_str(text, json_str(yyjson_obj_get(call ? call : block, "name")));
    }
}

/* Of an object that is a reply, or one piece of a stream. */
static void append_answer(struct buf *text, yyjson_val *reply)
{
    static const char *const plain[] = {"generation", "completion", "outputText"};
    yyjson_val *choices = yyjson_obj_get(reply, "choices"), *choice = yyjson_arr_get_first(choices);
    yyjson_val *delta = yyjson_obj_get(reply, "delta"), *output = yyjson_obj_get(reply, "output");
    yyjson_val *block = yyjson_obj_get(reply, "contentBlockDelta");
    delta = block ? yyjson_obj_get(block, "delta") : delta;
    append_content(text, yyjson_obj_get(yyjson_obj_get(output, "message"), "content"));
    if (yyjson_is_arr(output))
        append_content(text, output);
    append_content(text, yyjson_obj_get(reply, "content"));
    append_content(text, yyjson_obj_get(yyjson_obj_get(choice, "message"), "content"));
    append_content(text, yyjson_obj_get(yyjson_obj_get(choice, "delta"), "content"));
    append_content(text, yyjson_obj_get(choice, "text"));
    append_content(text, yyjson_is_str(delta) ? delta : yyjson_obj_get(delta, "text"));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        append_content(text, yyjson_obj_get(reply, plain[i]));
    yyjson_val *result = yyjson_arr_get_first(yyjson_obj_get(reply, "results"));
    append_content(text, yyjson_obj_get(result ? result : yyjson_arr_get_first(yyjson_obj_get(reply, "outputs")),
                                        result ? "outputText" : "text"));
}

/* Counts stand under `usage`, in a stream's first and last events, or in the reply itself. */
static void read_counts(yyjson_val *reply, struct advise_record *record)
{
    yyjson_val *usage = yyjson_obj_get(reply, "usage");
    if (!usage)
        usage = yyjson_obj_get(yyjson_obj_get(reply, "message"), "usage");
    if (!usage)
        usage = yyjson_obj_get(yyjson_obj_get(reply, "metadata"), "usage");
    if (!usage)
        usage = yyjson_obj_get(yyjson_obj_get(reply, "response"), "usage");
    if (!usage)
        usage = yyjson_obj_get(reply, "amazon-bedrock-invocationMetrics");
    (void)body_read_usage(usage ? usage : reply, record);
}

static void read_piece(struct buf *text, yyjson_val *reply, struct advise_record *record)
{
    yyjson_val *inner = yyjson_obj_get(reply, "chunk");
    reply = yyjson_is_obj(inner) ? inner : reply;
    append_answer(text, reply);
    read_counts(reply, record);
    if (record->model.len == 0)
        record->model = json_str(yyjson_obj_get(reply, "model"));
}

bool body_read_reply(yyjson_val *reply, struct arena *arena, struct advise_record *record)
{
    struct buf text;
    size_t idx, max;
    yyjson_val *piece;
    buf_init(&text, TEXT_BYTES_MAX);
    if (yyjson_is_arr(reply)) {
        record->is_stream = true;
        yyjson_arr_foreach(reply, idx, max, piece) read_piece(&text, piece, record);
    } else if (yyjson_is_obj(reply)) {
        read_piece(&text, reply, record);
    }
    bool is_good = !text.failed;
    if (text.len > 0)
        is_good = is_good && arena_str(arena, buf_str(&text), &record->answer);
    record->has_reply = record->has_reply || reply != NULL;
    buf_deinit(&text);
    return is_good;
}

/* --- JSON inside of JSON ------------------------------------------------------------------------------ */

/* Memory of the document comes from the arena, so nobody has to free it. */
static void *arena_malloc(void *ctx, size_t size)
{
    return arena_alloc(ctx, size);
}

static void *arena_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    void *more = arena_alloc(ctx, size);
    if (more)
        memcpy(more, old, old_size < size ? old_size : size);
    return more;
}

static void arena_release(void *ctx, void *memory)
{
    (void)ctx;
    (void)memory;
}

/* Behind the string that begins at a quote: the next quote with an even number of backslashes before it. */
static size_t skip_string(struct str text, size_t at)
{
    for (size_t from = at + 1; from < text.len;) {
        const ptrdiff_t quote = str_find_char(text, '"', from);
        size_t slashes = 0;
        if (quote < 0)
            break;
        while ((size_t)quote > from + slashes && text.data[(size_t)quote - 1 - slashes] == '\\')
            slashes++;
        from = (size_t)quote + 1;
        if (slashes % 2 == 0)
            return from;
    }
    return text.len;
}

static size_t depth_of(struct str text)
{
    size_t depth = 0, deepest = 0, at = 0;
    while (at < text.len) {
        const char c = text.data[at];
        if (c == '{' || c == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        at = c == '"' ? skip_string(text, at) : at + 1;
    }
    return deepest;
}

yyjson_val *body_parse(struct str text, struct arena *arena)
{
    const yyjson_alc alc = {arena_malloc, arena_realloc, arena_release, arena};
    if (text.len == 0 || depth_of(text) > LIMIT_JSON_DEPTH)
        return NULL;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.data, text.len, 0, &alc, NULL);
    return yyjson_doc_get_root(doc);
}

yyjson_val *body_unpack(yyjson_val *value, struct arena *arena)
{
    const struct str text = str_trim(json_str(value));
    if (!yyjson_is_str(value))
        return yyjson_is_null(value) ? NULL : value;
    return text.len > 0 && (*text.data == '{' || *text.data == '[') ? body_parse(text, arena) : NULL;
}
