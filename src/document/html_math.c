/* html_math.c - MathML into one line of text. Knows no other element. See html_math.h. */
#include "document/html_math.h"

#include <stdlib.h>

/* A child of an element whose children each have a meaning by their place. */
struct place {
    struct str parent;
    unsigned index; /* among the elements */
};

static bool is_math(const GumboNode *node)
{
    return node && node->type == GUMBO_NODE_ELEMENT && node->v.element.tag_namespace == GUMBO_NAMESPACE_MATHML;
}

static unsigned count_elements(const GumboNode *node, unsigned end)
{
    const GumboVector *children = html_node_children(node);
    unsigned count = 0;
    for (unsigned i = 0; i < children->length && i < end; i++)
        count += ((const GumboNode *)children->data[i])->type == GUMBO_NODE_ELEMENT;
    return count;
}

/* More than one thing, so that it needs parentheses beside a sign. */
static bool is_compound(const GumboNode *node)
{
    static const char *const compound[] = {"mfrac", "msup", "msub", "msubsup", "munder", "mover", "munderover", NULL};
    char space[32];
    for (unsigned depth = 0; depth < 64 && count_elements(node, ~0u) == 1; depth++) { /* a row of one */
        const GumboVector *children = html_node_children(node);
        unsigned i = 0;
        while (((const GumboNode *)children->data[i])->type != GUMBO_NODE_ELEMENT)
            i++;
        node = children->data[i];
    }
    struct str name = html_node_name(node, space);
    for (size_t i = 0; compound[i]; i++)
        if (str_eq(name, str_of(compound[i])))
            return true;
    return count_elements(node, ~0u) > 1 && !str_eq(name, STR("mfenced"));
}

static bool place_of(const GumboNode *node, struct place *place, char space[32])
{
    if (!is_math(node) || !is_math(node->parent))
        return false;
    place->parent = html_node_name(node->parent, space);
    place->index = count_elements(node->parent, (unsigned)node->index_within_parent);
    return true;
}

/* An accent over a letter stands behind it. */
static bool is_accent(const GumboNode *node)
{
    char space[32];
    return str_eq(html_node_name(node, space), STR("mo"));
}

/* Binomials are fractions without a line. */
static bool has_no_line(const GumboNode *fraction)
{
    const GumboAttribute *width = gumbo_get_attribute(&fraction->v.element.attributes, "linethickness");
    char *end = NULL;
    return width && strtod(width->value, &end) == 0.0 && end != width->value;
}

static const char *sign_before(const struct place *place, const GumboNode *node)
{
    bool is_sub_sup = str_eq(place->parent, STR("msubsup")) || str_eq(place->parent, STR("munderover"));
    if (place->index == 0)
        return "";
    if (str_eq(place->parent, STR("mfrac")))
        return has_no_line(node->parent) ? "\u00A6" : "/";
    if (str_eq(place->parent, STR("msup")) || (is_sub_sup && place->index == 2))
        return "^";
    if (str_eq(place->parent, STR("msub")) || str_eq(place->parent, STR("munder")) || is_sub_sup)
        return "_";
    if (str_eq(place->parent, STR("mover")))
        return is_accent(node) ? "" : "^";
    if (str_eq(place->parent, STR("mroot")))
        return "^(1/";
    if (str_eq(place->parent, STR("mtable")))
        return "; ";
    return str_eq(place->parent, STR("mtr")) || str_eq(place->parent, STR("mfenced")) ? ", " : "";
}

/* Operands of these signs are read as one. */
static bool takes_parentheses(const struct place *place)
{
    static const char *const names[] = {"mfrac", "msup", "msub", "msubsup", "munder", "mover", "munderover", NULL};
    if (str_eq(place->parent, STR("mroot")))
        return place->index == 0;
    for (size_t i = 0; names[i]; i++)
        if (str_eq(place->parent, str_of(names[i])))
            return true;
    return false;
}

void html_math_begin(const GumboNode *node, struct html_writer *writer)
{
    char space[32], own_space[32];
    struct place place;
    if (!is_math(node))
        return;
    if (place_of(node, &place, space)) {
        html_put(writer, str_of(sign_before(&place, node)));
        if (takes_parentheses(&place) && is_compound(node))
            html_put(writer, STR("("));
    }
    struct str name = html_node_name(node, own_space);
    if (str_eq(name, STR("msqrt")))
        html_put(writer, STR("sqrt("));
    else if (str_eq(name, STR("mfenced")))
        html_put(writer, STR("("));
    else if (str_eq(name, STR("mtable")))
        html_put(writer, STR("["));
}

static bool is_word_character(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0xC3;
}

/* The first character of the formula behind an element. */
static char character_behind(const GumboNode *node)
{
    char space[8];
    const GumboNode *next = html_node_after(node, NULL);
    while (next && is_math(next->parent) && next->type == GUMBO_NODE_WHITESPACE)
        next = html_node_after(next, NULL);
    struct str text = next && is_math(next->parent) ? html_node_text(next, space, sizeof(space)) : STR("");
    return text.len > 0 ? text.data[0] : '\0';
}

/* x^2 y is not x^2y, 1/2 x not 1/2x. */
static void end_signed(const GumboNode *node, struct str name, struct html_writer *writer)
{
    static const char *const names[] = {"mfrac", "msup", "msub", "msubsup", "munder", "mover", "munderover", NULL};
    for (size_t i = 0; names[i]; i++)
        if (str_eq(name, str_of(names[i])) && is_word_character(character_behind(node)))
            html_space(writer);
}

void html_math_end(const GumboNode *node, struct html_writer *writer)
{
    char space[32], own_space[32];
    struct place place;
    if (!is_math(node))
        return;
    struct str name = html_node_name(node, own_space);
    if (str_eq(name, STR("msqrt")) || str_eq(name, STR("mfenced")))
        html_put_close(writer, STR(")"));
    else if (str_eq(name, STR("mtable")))
        html_put_close(writer, STR("]"));
    end_signed(node, name, writer);
    if (!place_of(node, &place, space))
        return;
    bool is_index = str_eq(place.parent, STR("mroot")) && place.index == 1;
    if (is_index || (takes_parentheses(&place) && is_compound(node)))
        html_put_close(writer, STR(")"));
}

bool html_math_is_layout(const GumboNode *node)
{
    return is_math(node->parent);
}
