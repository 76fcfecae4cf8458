#include "document/html.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Elements that begin a new line; all others run on. */
static bool is_block_element(struct str name)
{
    static const char *const names[] = {
        "p",  "div", "br", "li", "ul", "ol",      "tr",      "table",  "h1",     "h2",  "h3",   "h4", "h5",
        "h6", "hr",  "dt", "dd", "section", "article", "header", "footer", "nav", "main", "title", "pre",
        "head", "body", "form", "blockquote"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

/* White space is owed until the next visible character, so that runs collapse
 * and a line never ends in blanks. */
struct reducer {
    struct buf *out;
    bool owes_space, owes_line;
};

static void put_char(struct reducer *reducer, char c)
{
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f') {
        reducer->owes_space = true;
        return;
    }
    if (reducer->out->len > 0 && (reducer->owes_line || reducer->owes_space))
        buf_append_char(reducer->out, reducer->owes_line ? '\n' : ' ');
    reducer->owes_line = reducer->owes_space = false;
    buf_append_char(reducer->out, c);
}

static void put_code_point(struct reducer *reducer, uint32_t c)
{
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = 0xFFFD;
    if (c < 0x80) {
        put_char(reducer, (char)c);
    } else if (c < 0x800) {
        put_char(reducer, (char)(0xC0 | c >> 6));
        buf_append_char(reducer->out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        put_char(reducer, (char)(0xE0 | c >> 12));
        buf_append_char(reducer->out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_append_char(reducer->out, (char)(0x80 | (c & 0x3F)));
    } else {
        put_char(reducer, (char)(0xF0 | c >> 18));
        buf_append_char(reducer->out, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_append_char(reducer->out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_append_char(reducer->out, (char)(0x80 | (c & 0x3F)));
    }
}

static bool parse_number_reference(struct str digits, uint32_t *c)
{
    bool is_hex = digits.len > 0 && (digits.data[0] == 'x' || digits.data[0] == 'X');
    uint32_t value = 0;
    if (digits.len <= (is_hex ? 1u : 0u) || digits.len > 8)
        return false;
    for (size_t i = is_hex; i < digits.len; i++) {
        char d = digits.data[i];
        if (d >= '0' && d <= '9')
            value = value * (is_hex ? 16 : 10) + (uint32_t)(d - '0');
        else if (is_hex && ((d | 32) >= 'a' && (d | 32) <= 'f'))
            value = value * 16 + (uint32_t)((d | 32) - 'a' + 10);
        else
            return false;
    }
    *c = value;
    return true;
}

/* A character reference at html[at] ('&'): its length, 0 when it is none. */
static size_t reference(struct str html, size_t at, uint32_t *c)
{
    static const struct {
        struct str name;
        uint32_t c;
    } named[] = {{{"amp", 3}, '&'},      {{"lt", 2}, '<'},       {{"gt", 2}, '>'},        {{"quot", 4}, '"'},
                 {{"apos", 4}, '\''},    {{"nbsp", 4}, ' '},     {{"ndash", 5}, 0x2013},  {{"mdash", 5}, 0x2014},
                 {{"hellip", 6}, 0x2026}, {{"copy", 4}, 0xA9},   {{"euro", 4}, 0x20AC},   {{"pound", 5}, 0xA3},
                 {{"lsquo", 5}, 0x2018}, {{"rsquo", 5}, 0x2019}, {{"ldquo", 5}, 0x201C},  {{"rdquo", 5}, 0x201D}};
    struct str window = str_slice(html, at + 1, at + 12);
    ptrdiff_t end = str_find_char(window, ';', 0);
    if (end <= 0)
        return 0;
    struct str name = str_slice(window, 0, (size_t)end);
    if (name.data[0] == '#')
        return parse_number_reference(str_slice(name, 1, name.len), c) ? name.len + 2 : 0;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (str_eq(name, named[i].name)) {
            *c = named[i].c;
            return name.len + 2;
        }
    }
    return 0;
}

/* First "</name" at or after `from`, in any case; the text's length without one. */
static size_t find_close(struct str html, struct str name, size_t from)
{
    for (;;) {
        ptrdiff_t at = str_find(html, STR("</"), from);
        if (at < 0)
            return html.len;
        if (str_eq_nocase(str_slice(html, (size_t)at + 2, (size_t)at + 2 + name.len), name))
            return (size_t)at;
        from = (size_t)at + 2;
    }
}

/* A tag, comment or declaration at html[at] ('<'): gives where the text goes on. */
static size_t skip_markup(struct reducer *reducer, struct str html, size_t at)
{
    if (str_eq(str_slice(html, at, at + 4), STR("<!--"))) {
        ptrdiff_t end = str_find(html, STR("-->"), at + 4);
        return end < 0 ? html.len : (size_t)end + 3;
    }
    size_t name_at = at + 1 + (at + 1 < html.len && html.data[at + 1] == '/');
    size_t name_end = name_at;
    while (name_end < html.len && is_word(html.data[name_end]))
        name_end++;
    struct str name = str_slice(html, name_at, name_end);
    ptrdiff_t end = str_find_char(html, '>', name_end);
    if (end < 0)
        return html.len;
    if (is_block_element(name))
        reducer->owes_line = true;
    bool is_hidden = name_at == at + 1 && (str_eq_nocase(name, STR("script")) || str_eq_nocase(name, STR("style")));
    return is_hidden ? find_close(html, name, (size_t)end + 1) : (size_t)end + 1;
}

static bool begins_markup(struct str html, size_t at)
{
    char next = at + 1 < html.len ? html.data[at + 1] : ' ';
    return html.data[at] == '<' && (is_word(next) || next == '/' || next == '!' || next == '?');
}

bool html_text(struct str html, struct buf *out)
{
    struct reducer reducer = {.out = out};
    for (size_t at = 0; at < html.len && !out->failed;) {
        uint32_t c;
        size_t len;
        if (begins_markup(html, at)) {
            at = skip_markup(&reducer, html, at);
        } else if (html.data[at] == '&' && (len = reference(html, at, &c)) > 0) {
            put_code_point(&reducer, c);
            at += len;
        } else {
            put_char(&reducer, html.data[at++]);
        }
    }
    return !out->failed;
}
