/* html_node.c - lists of elements by what a browser's own style sheet makes of them. See html_node.h. */
#include "document/html_node.h"

/* --- the tree --------------------------------------------------------------------------------------- */

const GumboVector *html_node_children(const GumboNode *node)
{
    static const GumboVector none;
    if (node->type == GUMBO_NODE_DOCUMENT)
        return &node->v.document.children;
    return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE ? &node->v.element.children : &none;
}

const GumboNode *html_node_after(const GumboNode *node, const GumboNode *root)
{
    for (; node != root && node->parent; node = node->parent) {
        const GumboVector *siblings = html_node_children(node->parent);
        if (node->index_within_parent + 1 < siblings->length)
            return siblings->data[node->index_within_parent + 1];
    }
    return NULL;
}

static const GumboNode *next_node(const GumboNode *node, const GumboNode *root)
{
    const GumboVector *children = html_node_children(node);
    return children->length > 0 ? children->data[0] : html_node_after(node, root);
}

bool html_node_is(const GumboNode *node, GumboTag tag)
{
    return node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag;
}

bool html_node_holds(const GumboNode *node, const GumboTag *tags, size_t count)
{
    for (const GumboNode *at = next_node(node, node); at; at = next_node(at, node))
        for (size_t i = 0; i < count; i++)
            if (html_node_is(at, tags[i]))
                return true;
    return false;
}

struct str html_node_text(const GumboNode *node, char *space, size_t cap)
{
    size_t len = 0;
    for (const GumboNode *at = node; at && len < cap; at = next_node(at, node)) {
        if (at->type != GUMBO_NODE_TEXT && at->type != GUMBO_NODE_WHITESPACE && at->type != GUMBO_NODE_CDATA)
            continue;
        struct str text = str_slice(str_of(at->v.text.text), 0, cap - len);
        memcpy(space + len, text.data, text.len);
        len += text.len;
    }
    return str_trim((struct str){space, len});
}

/* --- names and attributes --------------------------------------------------------------------------- */

struct str html_node_name(const GumboNode *node, char space[32])
{
    if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE)
        return STR("");
    if (node->v.element.tag != GUMBO_TAG_UNKNOWN)
        return str_of(gumbo_normalized_tagname(node->v.element.tag));
    GumboStringPiece piece = node->v.element.original_tag;
    if (piece.length < 2)
        return STR("");
    gumbo_tag_from_original_text(&piece);
    size_t len = piece.length < 32 ? piece.length : 32;
    for (size_t i = 0; i < len; i++)
        space[i] = (char)(piece.data[i] >= 'A' && piece.data[i] <= 'Z' ? piece.data[i] | 32 : piece.data[i]);
    return (struct str){space, len};
}

struct str html_node_attribute(const GumboNode *node, const char *name)
{
    if (node->type != GUMBO_NODE_ELEMENT)
        return (struct str){0};
    const GumboAttribute *attribute = gumbo_get_attribute(&node->v.element.attributes, name);
    return attribute ? str_of(attribute->value) : (struct str){0};
}

int html_node_integer(const GumboNode *node, const char *name, int otherwise)
{
    int64_t value;
    struct str text = str_trim(html_node_attribute(node, name));
    return str_to_i64(text, &value) && value > -1000000 && value < 1000000 ? (int)value : otherwise;
}

/* --- what it looks like ----------------------------------------------------------------------------- */

/* The value of a property in a style attribute, without "!important"; "" when it has none. */
static struct str style_of(const GumboNode *node, const char *property)
{
    struct str style = html_node_attribute(node, "style"), declaration, found = STR("");
    while (style.len > 0 && str_split(&style, ';', &declaration)) {
        struct str name;
        if (!str_split(&declaration, ':', &name) || !str_eq_nocase(str_trim(name), str_of(property)))
            continue;
        ptrdiff_t mark = str_find_char(declaration, '!', 0);
        found = str_trim(mark < 0 ? declaration : str_slice(declaration, 0, (size_t)mark));
    }
    return found;
}

static bool is_one_of(struct str word, const char *const *words)
{
    for (; *words; words++)
        if (str_eq_nocase(word, str_of(*words)))
            return true;
    return false;
}

static bool is_hidden(const GumboNode *node, struct str name)
{
    /* rp are the parentheses for those who cannot show an annotation beside its word; rt gets ours. */
    static const char *const never_shown[] = {
        "script", "style",  "template", "noscript", "noframes", "noembed", "iframe",   "object", "canvas", "audio",
        "video",  "map",    "datalist", "rp",       "meta",     "link",    "defs",     "desc",   "metadata",
        "symbol", "annotation", "annotation-xml", "mphantom", NULL};
    if (node->type == GUMBO_NODE_TEMPLATE || is_one_of(name, never_shown) ||
        html_node_attribute(node, "hidden").data)
        return true;
    if (str_eq(name, STR("dialog")) && !html_node_attribute(node, "open").data)
        return true;
    /* The tooltip of a drawing; the title of the page is the one outside. */
    if (str_eq(name, STR("title")) && node->v.element.tag_namespace != GUMBO_NAMESPACE_HTML)
        return true;
    return str_eq_nocase(style_of(node, "display"), STR("none"));
}

bool html_node_is_visible(const GumboNode *node, bool otherwise)
{
    struct str visibility = style_of(node, "visibility");
    if (str_eq_nocase(visibility, STR("hidden")) || str_eq_nocase(visibility, STR("collapse")))
        return false;
    bool is_said = str_eq_nocase(visibility, STR("visible")) || str_eq_nocase(visibility, STR("initial"));
    return is_said || otherwise;
}

bool html_node_shows_any(const GumboNode *node)
{
    for (const GumboNode *at = node; at; at = next_node(at, node))
        if (html_node_is_visible(at, false))
            return true;
    return false;
}

static enum html_kind kind_of_name(struct str name)
{
    static const char *const blocks[] = {
        "address",  "article", "aside",  "blockquote", "body",    "br",         "caption", "center",   "dd",
        "details",  "dialog",  "dir",    "div",        "dl",      "dt",         "fieldset", "figcaption", "figure",
        "footer",   "form",    "frameset", "h1",       "h2",      "h3",         "h4",      "h5",       "h6",
        "head",     "header",  "hgroup", "hr",         "html",    "legend",     "li",      "listing",  "main",
        "menu",     "nav",     "ol",     "optgroup",   "option",  "p",          "plaintext", "pre",    "search",
        "section",  "select",  "summary", "table",     "tbody",   "td",         "textarea", "tfoot",   "th",
        "thead",    "title",   "tr",     "ul",         "xmp",     NULL};
    static const char *const apart[] = {"button", "img", "input", "label", "meter", "output", "progress", "text",
                                        "tspan",  NULL};
    if (is_one_of(name, blocks))
        return HTML_BLOCK;
    return is_one_of(name, apart) ? HTML_APART : HTML_INLINE;
}

enum html_kind html_node_kind(const GumboNode *node)
{
    static const char *const blocks[] = {"block", "flex", "grid", "list-item", "table", "table-row", "flow-root",
                                         "table-caption", NULL};
    char space[32];
    if (node->type == GUMBO_NODE_DOCUMENT)
        return HTML_BLOCK;
    struct str name = html_node_name(node, space);
    if (is_hidden(node, name))
        return HTML_HIDDEN;
    enum html_kind kind = kind_of_name(name);
    struct str display = style_of(node, "display");
    if (display.len == 0 || str_starts(display, STR("inherit")))
        return kind;
    if (is_one_of(display, blocks))
        return HTML_BLOCK;
    bool is_plain_inline = kind == HTML_INLINE && str_eq_nocase(display, STR("inline"));
    return is_plain_inline || str_eq_nocase(display, STR("contents")) ? HTML_INLINE : HTML_APART;
}

bool html_node_is_pre(const GumboNode *node)
{
    static const char *const names[] = {"pre", "textarea", "xmp", "listing", "plaintext", NULL};
    char space[32];
    return is_one_of(html_node_name(node, space), names) || str_starts(style_of(node, "white-space"), STR("pre"));
}
