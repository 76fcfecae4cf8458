/* values.c - finds the values of an answer, and writes texts with others in their place. Knows no row. See values.h. */
#include "distill/values.h"

#include "core/buf.h"
#include "core/limits.h"

#define TRIES_MAX 16 /* to find a value that the prompt has not */

struct value {
    struct str text;
    char fresh[VALUE_BYTES_MAX];
};

struct values {
    struct value items[VALUES_MAX];
    size_t count;
    bool is_too_many;
};

/* --- runs ------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Bytes above ASCII are letters of somebody. */
static bool is_of_word(char c)
{
    return is_digit(c) || is_capital(c) || (c >= 'a' && c <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

/* The next run from *at on that may be a value; *at is behind it then. */
static bool next_value(struct str text, size_t *at, struct str *run)
{
    while (*at < text.len) {
        const size_t from = *at;
        size_t digits = 0;
        bool is_plain = true;
        while (*at < text.len && is_of_word(text.data[*at])) {
            digits += is_digit(text.data[*at]);
            is_plain = is_plain && (is_digit(text.data[*at]) || is_capital(text.data[*at]));
            (*at)++;
        }
        *run = str_slice(text, from, *at);
        if (is_plain && digits >= 2 && run->len <= VALUE_BYTES_MAX)
            return true;
        *at += *at == from;
    }
    return false;
}

static bool has_value(struct str text, struct str value)
{
    struct str run;
    for (size_t at = 0; next_value(text, &at, &run);)
        if (str_eq(run, value))
            return true;
    return false;
}

static const struct value *find(const struct values *values, struct str run)
{
    for (size_t i = 0; i < values->count; i++)
        if (str_eq(values->items[i].text, run))
            return &values->items[i];
    return NULL;
}

/* --- texts of a request ----------------------------------------------------------------------------- */

/* Says whether to go on to the next text. */
typedef bool text_visitor(void *ctx, struct str *text);

/* Texts, arguments of calls, and texts of results. */
static bool visit_blocks(struct chat_block *blocks, size_t count, text_visitor *visit, void *ctx)
{
    for (size_t i = 0; i < count; i++) {
        struct chat_block *block = &blocks[i];
        const bool goes_on = block->kind == CHAT_TOOL_RESULT
                                 ? visit_blocks(block->content, block->content_count, visit, ctx)
                                 : visit(ctx, block->kind == CHAT_TOOL_USE ? &block->json : &block->text);
        if (!goes_on)
            return false;
    }
    return true;
}

/* Of the system prompt and so many messages. */
static bool visit_texts(const struct chat_request *request, size_t messages, text_visitor *visit, void *ctx)
{
    bool goes_on = visit_blocks(request->system, request->system_count, visit, ctx);
    for (size_t i = 0; goes_on && i < messages; i++)
        goes_on = visit_blocks(request->messages[i].blocks, request->messages[i].block_count, visit, ctx);
    return goes_on;
}

static bool lacks(void *ctx, struct str *text)
{
    const struct str *value = ctx;
    return !has_value(*text, *value);
}

static bool prompt_has(const struct chat_request *request, struct str value)
{
    return !visit_texts(request, request->message_count - 1, lacks, &value);
}

static bool collect(void *ctx, struct str *text)
{
    struct values *values = ctx;
    struct str run;
    for (size_t at = 0; next_value(*text, &at, &run);) {
        if (find(values, run))
            continue;
        values->is_too_many = values->count == VALUES_MAX;
        if (values->is_too_many)
            return false;
        values->items[values->count++].text = run;
    }
    return true;
}

/* --- fresh ones ------------------------------------------------------------------------------------- */

static void draw(struct value *value, struct rng *rng)
{
    for (size_t i = 0; i < value->text.len; i++) {
        const char c = value->text.data[i];
        const bool is_led = i == 0 && c != '0';
        if (is_digit(c))
            value->fresh[i] = (char)(is_led ? '1' + (char)rng_below(rng, 9) : '0' + (char)rng_below(rng, 10));
        else
            value->fresh[i] = (char)('A' + (char)rng_below(rng, 26));
    }
}

static bool is_taken(const struct chat_request *request, const struct values *values, size_t index)
{
    const struct str fresh = {values->items[index].fresh, values->items[index].text.len};
    for (size_t i = 0; i < index; i++)
        if (str_eq((struct str){values->items[i].fresh, values->items[i].text.len}, fresh))
            return true;
    return prompt_has(request, fresh);
}

/* Two values must not become one, nor what the prompt says of another thing. */
static bool choose(const struct chat_request *request, struct values *values, struct rng *rng)
{
    for (size_t i = 0; i < values->count; i++) {
        unsigned tries = 0;
        do
            draw(&values->items[i], rng);
        while (is_taken(request, values, i) && ++tries < TRIES_MAX);
        if (tries == TRIES_MAX)
            return false;
    }
    return true;
}

struct rewriting {
    const struct values *values;
    struct arena *arena;
};

static bool rewrite(void *ctx, struct str *text)
{
    const struct rewriting *rewriting = ctx;
    struct buf out;
    struct str run;
    size_t kept = 0;
    buf_init(&out, text->len + 1);
    for (size_t at = 0; next_value(*text, &at, &run);) {
        const struct value *value = find(rewriting->values, run);
        if (!value)
            continue;
        buf_append_str(&out, str_slice(*text, kept, at - run.len));
        buf_append(&out, value->fresh, run.len);
        kept = at;
    }
    buf_append_str(&out, str_slice(*text, kept, text->len));
    const bool is_ok = kept == 0 || (!out.failed && arena_str(rewriting->arena, buf_str(&out), text));
    buf_deinit(&out);
    return is_ok;
}

bool values_refresh(struct chat_request *request, struct rng *rng)
{
    struct chat_message *answer = &request->messages[request->message_count - 1];
    struct values values = {0};
    struct rewriting rewriting = {&values, request->arena};
    if (rng_below(rng, 4) >= VALUES_FRESH_OF_4)
        return true;
    bool is_copied = visit_blocks(answer->blocks, answer->block_count, collect, &values) && values.count > 0;
    for (size_t i = 0; is_copied && i < values.count; i++)
        is_copied = prompt_has(request, values.items[i].text);
    return !is_copied || !choose(request, &values, rng) ||
           visit_texts(request, request->message_count, rewrite, &rewriting);
}
