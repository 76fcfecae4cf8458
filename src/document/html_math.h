/* html_math.h - MathML in one line: (a+b)/2, x^2, sqrt(x). One thread at a time. */
#ifndef DOCUMENT_HTML_MATH_H
#define DOCUMENT_HTML_MATH_H

#include "document/html_node.h"
#include "document/html_writer.h"

/* What stands before and behind an element for its place in a formula; nothing elsewhere. */
void html_math_begin(const GumboNode *node, struct html_writer *writer);
void html_math_end(const GumboNode *node, struct html_writer *writer);

/* White space between elements of a formula, which only lays out the file. */
bool html_math_is_layout(const GumboNode *node);

#endif
