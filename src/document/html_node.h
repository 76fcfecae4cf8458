/* html_node.h - what an element of an HTML tree is to someone who looks at the
 * page: a block, hidden, a cell (HTML Living Standard, 15.3, without style
 * sheets). Pure functions on gumbo's tree, any thread. */
#ifndef DOCUMENT_HTML_NODE_H
#define DOCUMENT_HTML_NODE_H

#include <gumbo.h>

#include "core/str.h"

enum html_kind {
    HTML_INLINE, /* runs on */
    HTML_APART,  /* runs on, but is never one word with its neighbours: a button */
    HTML_BLOCK,
    HTML_HIDDEN,
};

/* As the style attribute has it, else as the element's name does. */
enum html_kind html_node_kind(const GumboNode *node);

/* The visibility of its style; `otherwise`, what is around it is, when it says nothing. */
bool html_node_is_visible(const GumboNode *node, bool otherwise);
/* True when it or something inside says that it is visible. */
bool html_node_shows_any(const GumboNode *node);

/* Lines and blanks are kept: pre, textarea, style="white-space: pre". */
bool html_node_is_pre(const GumboNode *node);

/* In lower case; "" for what is no element. Valid as long as the text that was parsed. */
struct str html_node_name(const GumboNode *node, char space[32]);
bool html_node_is(const GumboNode *node, GumboTag tag);

/* The children of an element, document or template; none of any other node. */
const GumboVector *html_node_children(const GumboNode *node);

/* data NULL: it has no such attribute. */
struct str html_node_attribute(const GumboNode *node, const char *name);

/* An attribute that is a whole number, or `otherwise`. */
int html_node_integer(const GumboNode *node, const char *name, int otherwise);

/* The text inside, white space trimmed and cut at `cap`; for short ones. */
struct str html_node_text(const GumboNode *node, char *space, size_t cap);

/* True when one of those tags is somewhere inside. */
bool html_node_holds(const GumboNode *node, const GumboTag *tags, size_t count);

/* The next node in the order of the text after `node` and all inside it, NULL behind the end of `root`. */
const GumboNode *html_node_after(const GumboNode *node, const GumboNode *root);

#endif
