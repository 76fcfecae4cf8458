/* docx.h - the text of a Word file (ECMA-376, transitional and strict).
 *
 * Paragraphs on lines of their own; headings with as many # as their level;
 * list items with the label that Word shows; table rows as lines, cells
 * separated by tabs; text boxes where they are anchored; footnotes as [^1] and
 * at the end; headers first and footers last, once each. Deleted and moved
 * text, comments and field codes are left out. Pure function, any thread. */
#ifndef DOCUMENT_DOCX_H
#define DOCUMENT_DOCX_H

#include "core/buf.h"
#include "core/error.h"

/* Appends to `out`, whose maximum is the limit on text. Errors as in package.h. */
enum error_code docx_text(struct str bytes, struct buf *out, struct error *error) WARN_UNUSED;

#endif
