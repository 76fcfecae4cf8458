/* json_text.c - prints a value as Python's json.dumps does. Parses nothing. See json_text.h. */
#include "chat/json_text.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void new_line(struct buf *out, unsigned indent, size_t depth)
{
    if (indent == 0)
        return;
    buf_append_char(out, '\n');
    for (size_t i = 0; i < depth * indent; i++)
        buf_append_char(out, ' ');
}

/* Copies the string that opens at `from`; index behind its closing quote. */
static size_t copy_string(struct buf *out, struct str json, size_t from)
{
    size_t i = from + 1;
    while (i < json.len && json.data[i] != '"')
        i += json.data[i] == '\\' ? 2 : 1;
    size_t end = i < json.len ? i + 1 : json.len;
    buf_append(out, json.data + from, end - from);
    return end;
}

static size_t skip_spaces(struct str json, size_t from)
{
    while (from < json.len && is_space(json.data[from]))
        from++;
    return from;
}

/* Handles the bracket, comma or other byte at `i`; index of the next one. */
static size_t respace_byte(struct buf *out, struct str json, size_t i, unsigned indent, size_t *depth)
{
    char c = json.data[i];
    size_t next = skip_spaces(json, i + 1);
    switch (c) {
    case '{':
    case '[':
        buf_append_char(out, c);
        if (next < json.len && json.data[next] == (c == '{' ? '}' : ']')) {
            buf_append_char(out, json.data[next]);
            return next + 1;
        }
        new_line(out, indent, ++*depth);
        return next;
    case '}':
    case ']':
        if (*depth > 0)
            --*depth;
        new_line(out, indent, *depth);
        buf_append_char(out, c);
        return next;
    case ',':
        buf_append_text(out, indent ? "," : ", ");
        new_line(out, indent, *depth);
        return next;
    case ':':
        buf_append_text(out, ": ");
        return next;
    default:
        buf_append_char(out, c);
        return next;
    }
}

bool json_text_respace(struct buf *out, struct str json, unsigned indent)
{
    size_t depth = 0;
    size_t i = skip_spaces(json, 0);
    while (i < json.len && !out->failed) {
        if (json.data[i] == '"')
            i = skip_spaces(json, copy_string(out, json, i));
        else
            i = respace_byte(out, json, i, indent, &depth);
    }
    return !out->failed;
}
