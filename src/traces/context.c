/* context.c - see context.h. https://www.w3.org/TR/trace-context/ */
#include "traces/context.h"

#include <stdio.h>
#include <string.h>

#include "core/util.h"

#define FLAG_SAMPLED 0x01
#define FLAG_RANDOM 0x02
#define KEY_MAX 256
#define VALUE_MAX 256

/* --- traceparent --- */

/* Lower-case digits only, and not all of them 0. */
static bool parse_id(struct str text, uint8_t *out, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    if (!hex_decode(text, out, len))
        return false;
    for (size_t i = 0; i < len; i++)
        any |= out[i];
    return any != 0;
}

static bool parse_byte(struct str text, uint8_t *out)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    return hex_decode(text, out, 1);
}

bool trace_context_parse(struct str text, struct trace_context *context)
{
    struct trace_context read = *context;
    uint8_t version, flags;
    if (text.len < TRACEPARENT_LEN || text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-')
        return false;
    if (!parse_byte(str_slice(text, 0, 2), &version) || version == 0xff ||
        !parse_id(str_slice(text, 3, 35), read.trace_id, TRACE_ID_LEN) ||
        !parse_id(str_slice(text, 36, 52), read.parent_id, SPAN_ID_LEN) ||
        !parse_byte(str_slice(text, 53, 55), &flags))
        return false;
    if (text.len > TRACEPARENT_LEN && (version == 0 || text.data[TRACEPARENT_LEN] != '-'))
        return false;
    read.has_parent = true;
    read.is_sampled = flags & FLAG_SAMPLED;
    read.is_random = version == 0 && (flags & FLAG_RANDOM);
    *context = read;
    return true;
}

/* --- tracestate --- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* `name`, or `tenant@system`. */
static bool is_key(struct str key)
{
    size_t at = 0, signs = 0;
    if (key.len == 0 || key.len > KEY_MAX || !is_lower_or_digit(key.data[0]))
        return false;
    for (at = 0; at < key.len; at++) {
        const char c = key.data[at];
        signs += c == '@';
        if (!is_lower_or_digit(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@')
            return false;
    }
    const ptrdiff_t sign = str_find_char(key, '@', 0);
    return signs == 0 || (signs == 1 && sign <= 241 && (size_t)sign + 1 < key.len && key.len - (size_t)sign <= 15 &&
                          is_lower_or_digit(key.data[sign + 1]));
}

static bool is_value(struct str value)
{
    if (value.len == 0 || value.len > VALUE_MAX || value.data[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ' || value.data[i] > '~' || value.data[i] == ',' || value.data[i] == '=')
            return false;
    return true;
}

static bool is_among(struct str key, const struct str *keys, size_t count)
{
    size_t i = 0;
    while (i < count && !str_eq(keys[i], key))
        i++;
    return i < count;
}

/* Spaces and tabs may stand around members, and no other white space: this is put into headers again. */
static bool is_line(struct str state)
{
    for (size_t i = 0; i < state.len; i++)
        if (state.data[i] != '\t' && (state.data[i] < ' ' || state.data[i] > '~'))
            return false;
    return true;
}

bool trace_state_is_valid(struct str state)
{
    struct str keys[TRACESTATE_MEMBERS_MAX], member;
    size_t count = 0;
    if (!is_line(state))
        return false;
    while (str_split(&state, ',', &member)) {
        member = str_trim(member);
        if (member.len == 0)
            continue; /* is allowed */
        const ptrdiff_t equals = str_find_char(member, '=', 0);
        if (equals < 0 || count == TRACESTATE_MEMBERS_MAX)
            return false;
        const struct str key = str_slice(member, 0, (size_t)equals);
        if (!is_key(key) || !is_value(str_slice(member, (size_t)equals + 1, member.len)) || is_among(key, keys, count))
            return false;
        keys[count++] = key;
    }
    return count > 0;
}

/* --- our own --- */

/* By the trace ID's last 56 bits, so that whoever decides by it alone decides alike. */
static bool is_chosen(const uint8_t trace_id[TRACE_ID_LEN], double share)
{
    uint64_t number = 0;
    for (size_t i = TRACE_ID_LEN - 7; i < TRACE_ID_LEN; i++)
        number = number << 8 | trace_id[i];
    return share >= 1 || (double)number < share * (double)(UINT64_C(1) << 56);
}

static void make_id(uint8_t *id, size_t len)
{
    random_bytes(id, len);
    id[0] |= id[len - 1] == 0; /* all zero is none */
}

void trace_context_begin(struct trace_context *context, double share)
{
    make_id(context->span_id, SPAN_ID_LEN);
    if (context->has_parent)
        return;
    make_id(context->trace_id, TRACE_ID_LEN);
    context->is_random = true;
    context->is_sampled = is_chosen(context->trace_id, share);
}

void trace_context_format(const struct trace_context *context, char out[TRACEPARENT_LEN + 1])
{
    memcpy(out, "00-", 3);
    hex_encode(context->trace_id, TRACE_ID_LEN, out + 3);
    out[35] = '-';
    hex_encode(context->span_id, SPAN_ID_LEN, out + 36);
    const unsigned flags = (context->is_sampled ? FLAG_SAMPLED : 0u) | (context->is_random ? FLAG_RANDOM : 0u);
    (void)snprintf(out + 52, 4, "-%02x", flags);
}
