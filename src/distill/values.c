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

/* What a block says: a text, or a call's arguments. */
static struct str *text_of(struct chat_block *block)
{
    return block->kind == CHAT_TOOL_USE ? &block->json : &block->text;
}

static bool prompt_has(const struct chat_request *request, struct str value)
{
    for (size_t i = 0; i < request->system_count; i++)
        if (has_value(*text_of(&request->system[i]), value))
            return true;
    for (size_t i = 0; i + 1 < request->message_count; i++)
        for (size_t j = 0; j < request->messages[i].block_count; j++)
            if (has_value(*text_of(&request->messages[i].blocks[j]), value))
                return true;
    return false;
}

static void collect(struct str text, struct values *values)
{
    struct str run;
    for (size_t at = 0; next_value(text, &at, &run);) {
        if (find(values, run))
            continue;
        values->is_too_many = values->is_too_many || values->count == VALUES_MAX;
        if (values->is_too_many)
            return;
        values->items[values->count++].text = run;
    }
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

static bool rewrite(struct str *text, const struct values *values, struct arena *arena)
{
    struct buf out;
    struct str run;
    size_t kept = 0;
    buf_init(&out, text->len + 1);
    for (size_t at = 0; next_value(*text, &at, &run);) {
        const struct value *value = find(values, run);
        if (!value)
            continue;
        buf_append_str(&out, str_slice(*text, kept, at - run.len));
        buf_append(&out, value->fresh, run.len);
        kept = at;
    }
    buf_append_str(&out, str_slice(*text, kept, text->len));
    const bool is_ok = kept == 0 || (!out.failed && arena_str(arena, buf_str(&out), text));
    buf_deinit(&out);
    return is_ok;
}

static bool rewrite_all(struct chat_request *request, const struct values *values)
{
    for (size_t i = 0; i < request->system_count; i++)
        if (!rewrite(text_of(&request->system[i]), values, request->arena))
            return false;
    for (size_t i = 0; i < request->message_count; i++)
        for (size_t j = 0; j < request->messages[i].block_count; j++)
            if (!rewrite(text_of(&request->messages[i].blocks[j]), values, request->arena))
                return false;
    return true;
}

bool values_refresh(struct chat_request *request, struct rng *rng)
{
    const struct chat_message *answer = &request->messages[request->message_count - 1];
    struct values values = {0};
    if (rng_below(rng, 4) >= VALUES_FRESH_OF_4)
        return true;
    for (size_t i = 0; i < answer->block_count; i++)
        collect(*text_of(&answer->blocks[i]), &values);
    bool is_copied = values.count > 0 && !values.is_too_many;
    for (size_t i = 0; is_copied && i < values.count; i++)
        is_copied = prompt_has(request, values.items[i].text);
    return !is_copied || !choose(request, &values, rng) || rewrite_all(request, &values);
}
