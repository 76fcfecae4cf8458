/* xml.c - a reader by events without recursion, and escaping. No document is ever held as a tree. See xml.h. */
#include "core/xml.h"

struct reader {
    struct str text;
    size_t at;
    struct arena *arena;
    xml_element *on_element;
    void *ctx;
    size_t depth;
    struct str names[XML_DEPTH];
    struct buf inner[XML_DEPTH]; /* text so far */
};

/* --- text --- */

static void append_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_append_char(out, (char)c);
        return;
    }
    unsigned shift = c < 0x800 ? 6 : c < 0x10000 ? 12 : 18;
    static const unsigned char marks[] = {0, 0xc0, 0xe0, 0xf0};
    buf_append_char(out, (char)(marks[shift / 6] | c >> shift));
    while (shift > 0) {
        shift -= 6;
        buf_append_char(out, (char)(0x80 | (c >> shift & 0x3f)));
    }
}

static bool append_reference(struct buf *out, struct str digits)
{
    bool is_hex = str_starts(digits, STR("x"));
    uint32_t value = 0;
    digits = str_slice(digits, is_hex, digits.len);
    if (digits.len == 0 || digits.len > 7)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.data[i], low = (char)(c | 0x20);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (is_hex && low >= 'a' && low <= 'f')
            digit = (uint32_t)(low - 'a' + 10);
        else
            return false;
        value = value * (is_hex ? 16 : 10) + digit;
    }
    if (value == 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return false;
    append_utf8(out, value);
    return true;
}

static bool append_entity(struct buf *out, struct str name)
{
    static const struct {
        const char *name;
        char value;
    } known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    if (str_starts(name, STR("#")))
        return append_reference(out, str_slice(name, 1, name.len));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(name, str_of(known[i].name)))
            return buf_append_char(out, known[i].value);
    return false;
}

static bool append_decoded(struct buf *out, struct str raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] != '&') {
            buf_append_char(out, raw.data[i]);
            continue;
        }
        ptrdiff_t end = str_find_char(raw, ';', i);
        if (end < 0 || !append_entity(out, str_slice(raw, i + 1, (size_t)end)))
            return false;
        i = (size_t)end;
    }
    return !out->failed;
}

static bool take_text(struct reader *reader, struct str raw, bool is_decoded)
{
    if (reader->depth == 0)
        return str_trim(raw).len == 0;
    struct buf *inner = &reader->inner[reader->depth - 1];
    return is_decoded ? buf_append_str(inner, raw) : append_decoded(inner, raw);
}

/* --- elements --- */

static bool open_element(struct reader *reader, struct str name)
{
    if (reader->depth == XML_DEPTH || name.len == 0)
        return false;
    reader->names[reader->depth] = name;
    buf_clear(&reader->inner[reader->depth]);
    reader->depth++;
    return true;
}

static bool close_element(struct reader *reader, struct str name)
{
    struct str text;
    if (reader->depth == 0 || !str_eq(reader->names[reader->depth - 1], name))
        return false;
    reader->depth--;
    struct str parent = reader->depth > 0 ? reader->names[reader->depth - 1] : STR("");
    return arena_str(reader->arena, buf_str(&reader->inner[reader->depth]), &text) &&
           reader->on_element(reader->ctx, parent, name, text);
}

static struct str local_name(struct str tag)
{
    size_t end = 0;
    while (end < tag.len && !strchr(" \t\r\n/", tag.data[end]))
        end++;
    tag = str_slice(tag, 0, end);
    ptrdiff_t colon = str_find_char(tag, ':', 0);
    return colon < 0 ? tag : str_slice(tag, (size_t)colon + 1, tag.len);
}

/* Behind `end`, which must be there; the text before it goes to *content. */
static bool skip_to(struct reader *reader, struct str end, struct str *content)
{
    ptrdiff_t found = str_find(reader->text, end, reader->at);
    if (found < 0)
        return false;
    *content = str_slice(reader->text, reader->at, (size_t)found);
    reader->at = (size_t)found + end.len;
    return true;
}

/* `at` stands on '<'. */
static bool take_tag(struct reader *reader)
{
    struct str rest = str_slice(reader->text, reader->at, reader->text.len), content;
    if (str_starts(rest, STR("<!--")))
        return skip_to(reader, STR("-->"), &content);
    if (str_starts(rest, STR("<![CDATA["))) {
        reader->at += 9;
        return skip_to(reader, STR("]]>"), &content) && take_text(reader, content, true);
    }
    if (str_starts(rest, STR("<?")))
        return skip_to(reader, STR("?>"), &content);
    if (str_starts(rest, STR("<!")))
        return false;
    reader->at++;
    if (!skip_to(reader, STR(">"), &content))
        return false;
    if (str_starts(content, STR("/")))
        return close_element(reader, local_name(str_slice(content, 1, content.len)));
    struct str name = local_name(content);
    return open_element(reader, name) && (!str_ends(content, STR("/")) || close_element(reader, name));
}

bool xml_read(struct str text, struct arena *arena, xml_element *on_element, void *ctx)
{
    struct reader reader = {.text = text, .arena = arena, .on_element = on_element, .ctx = ctx};
    bool is_good = str_is_utf8(text) && str_trim(text).len > 0;
    for (size_t i = 0; i < XML_DEPTH; i++)
        buf_init(&reader.inner[i], text.len + 1);
    if (str_starts(text, STR("\xef\xbb\xbf")))
        reader.at = 3;
    while (is_good && reader.at < text.len) {
        ptrdiff_t next = str_find_char(text, '<', reader.at);
        size_t end = next < 0 ? text.len : (size_t)next;
        is_good = take_text(&reader, str_slice(text, reader.at, end), false);
        reader.at = end;
        if (is_good && end < text.len)
            is_good = take_tag(&reader);
    }
    for (size_t i = 0; i < XML_DEPTH; i++)
        buf_deinit(&reader.inner[i]);
    return is_good && reader.depth == 0;
}

/* --- writing --- */

void xml_append_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        switch (c) {
        case '<': buf_append_text(out, "&lt;"); break;
        case '>': buf_append_text(out, "&gt;"); break;
        case '&': buf_append_text(out, "&amp;"); break;
        case '"': buf_append_text(out, "&quot;"); break;
        default:
            if (c < 0x20)
                buf_appendf(out, "&#x%X;", c);
            else
                buf_append_char(out, (char)c);
        }
    }
}

void xml_append(struct buf *out, const char *name, struct str text)
{
    buf_appendf(out, "<%s>", name);
    xml_append_text(out, text);
    buf_appendf(out, "</%s>", name);
}

void xml_append_u64(struct buf *out, const char *name, uint64_t value)
{
    buf_appendf(out, "<%s>%llu</%s>", name, (unsigned long long)value, name);
}

void xml_append_bool(struct buf *out, const char *name, bool value)
{
    xml_append(out, name, value ? STR("true") : STR("false"));
}
