/* html.c - from the bytes of a page to its tree: encoding first, then gumbo. What of the tree is shown is
 * html_render.c's. See html.h. */
#include "document/html.h"

#include <setjmp.h>
#include <stddef.h>

#include "core/mem.h"
#include "document/charset.h"
#include "document/html_node.h"
#include "document/html_render.h"

/* Browsers look for a declaration in the first 1,024 bytes; long comments push it further down. */
#define DECLARATION_BYTES_MAX ((size_t)8192)

/* --- gumbo ------------------------------------------------------------------------------------------ */

/* gumbo asks for memory as if there always were some, and frees its tree by
 * recursion, as deep as the file says. So its blocks are kept in a ring and
 * freed in one sweep, also after a jump out of it when memory is out. */
struct block {
    _Alignas(max_align_t) struct block *next; /* what was asked for follows the block, aligned for anything */
    struct block *previous;
};

struct parse {
    struct block ring;
    jmp_buf out_of_memory;
    GumboOutput *output;
};

static void *take_block(void *ctx, size_t size)
{
    struct parse *parse = ctx;
    struct block *block = size <= SIZE_MAX / 2 ? mem_alloc(sizeof(*block) + size) : NULL;
    if (!block)
        longjmp(parse->out_of_memory, 1);
    block->previous = &parse->ring;
    block->next = parse->ring.next;
    block->next->previous = block;
    parse->ring.next = block;
    return block + 1;
}

static void give_block(void *ctx, void *data)
{
    (void)ctx;
    if (!data)
        return;
    struct block *block = (struct block *)data - 1;
    block->previous->next = block->next;
    block->next->previous = block->previous;
    mem_free(block);
}

static bool begin_parse(struct parse *parse, struct str html)
{
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = take_block;
    options.deallocator = give_block;
    options.userdata = parse;
    options.max_errors = 0;
    parse->ring.next = parse->ring.previous = &parse->ring;
    parse->output = NULL;
    if (setjmp(parse->out_of_memory))
        return false;
    parse->output = gumbo_parse_with_options(&options, html.data, html.len);
    return true;
}

static void end_parse(struct parse *parse)
{
    while (parse->ring.next != &parse->ring)
        give_block(parse, parse->ring.next + 1);
}

/* --- encoding --------------------------------------------------------------------------------------- */

/* charset=... inside the content of <meta http-equiv="Content-Type">. */
static struct str charset_of_content(struct str content)
{
    for (size_t at = 0; at + 7 < content.len; at++) {
        if (!str_eq_nocase(str_slice(content, at, at + 7), STR("charset")))
            continue;
        struct str rest = str_trim(str_slice(content, at + 7, content.len));
        if (!str_starts(rest, STR("=")))
            continue;
        rest = str_trim(str_slice(rest, 1, rest.len));
        size_t from = rest.len > 0 && strchr("\"'", rest.data[0]) ? 1 : 0, to = from;
        while (to < rest.len && !strchr("\"'; \t\r\n", rest.data[to]))
            to++;
        return str_slice(rest, from, to);
    }
    return (struct str){0};
}

static struct str charset_of_meta(const GumboNode *meta)
{
    struct str charset = html_node_attribute(meta, "charset");
    if (charset.data || !str_eq_nocase(str_trim(html_node_attribute(meta, "http-equiv")), STR("content-type")))
        return charset;
    return charset_of_content(html_node_attribute(meta, "content"));
}

/* The first meta element with an encoding that is known. */
static bool declared_in_tree(const GumboNode *node, char name[CHARSET_NAME_MAX])
{
    const GumboNode *root = node;
    while (node) {
        if (html_node_is(node, GUMBO_TAG_META) && charset_of_label(charset_of_meta(node), name))
            return true;
        const GumboVector *children = html_node_children(node);
        node = children->length > 0 ? children->data[0] : html_node_after(node, root);
    }
    return false;
}

/* <?xml version="1.0" encoding="..."?> */
static bool declared_in_xml(struct str bytes, char name[CHARSET_NAME_MAX])
{
    ptrdiff_t end = str_starts(bytes, STR("<?xml")) ? str_find(bytes, STR("?>"), 0) : -1;
    ptrdiff_t at = end < 0 ? -1 : str_find(str_slice(bytes, 0, (size_t)end), STR("encoding"), 0);
    if (at < 0)
        return false;
    struct str rest = str_trim(str_slice(bytes, (size_t)at + 8, (size_t)end));
    rest = str_starts(rest, STR("=")) ? str_trim(str_slice(rest, 1, rest.len)) : STR("");
    char quote = rest.len > 0 ? rest.data[0] : '\0';
    ptrdiff_t close = quote == '"' || quote == '\'' ? str_find_char(rest, quote, 1) : -1;
    return close > 0 && charset_of_label(str_slice(rest, 1, (size_t)close), name);
}

/* By the parser itself, so that comments and scripts declare nothing. */
static enum error_code find_declared(struct str bytes, char name[CHARSET_NAME_MAX], bool *is_found,
                                     struct error *error)
{
    struct parse *parse = mem_alloc(sizeof(*parse));
    if (!parse)
        return error_no_memory(error);
    bool is_parsed = begin_parse(parse, str_slice(bytes, 0, DECLARATION_BYTES_MAX));
    *is_found = is_parsed && (declared_in_tree(parse->output->document, name) || declared_in_xml(bytes, name));
    end_parse(parse);
    mem_free(parse);
    return is_parsed ? OK : error_no_memory(error);
}

static enum error_code decode(struct str bytes, struct buf *html, struct error *error)
{
    char declared[CHARSET_NAME_MAX];
    size_t mark;
    bool is_declared = false;
    enum error_code code = OK;
    const char *name = charset_of_mark(bytes, &mark);
    if (!name)
        code = find_declared(bytes, declared, &is_declared, error);
    if (!name)
        name = is_declared ? declared : charset_guess(bytes);
    if (is_declared && strcmp(name, CHARSET_UTF8) == 0 && charset_is_windows_1252(bytes))
        name = charset_guess(bytes); /* many say so and are not */
    bool is_guess = !is_declared && strcmp(name, CHARSET_FALLBACK) == 0;
    if (code == OK && is_guess && !charset_is_windows_1252(bytes))
        code = error_set(error, ERROR_INVALID,
                         "the HTML file is not UTF-8 and declares no encoding; save it as UTF-8 or declare it in a "
                         "meta element");
    return code == OK ? charset_decode(name, str_slice(bytes, mark, bytes.len), html, error) : code;
}

/* --- text ------------------------------------------------------------------------------------------- */

static enum error_code render(struct str html, struct buf *out, struct error *error)
{
    struct parse *parse = mem_alloc(sizeof(*parse));
    if (!parse)
        return error_no_memory(error);
    enum error_code code = begin_parse(parse, html) ? html_render(parse->output->document, out, error)
                                                    : error_no_memory(error);
    end_parse(parse);
    mem_free(parse);
    return code;
}

enum error_code html_text(struct str bytes, struct buf *out, struct error *error)
{
    struct buf html;
    buf_init(&html, 0);
    enum error_code code = decode(bytes, &html, error);
    if (code == OK)
        code = render(buf_str(&html), out, error);
    buf_deinit(&html);
    return code;
}
