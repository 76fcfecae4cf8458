/* docx.h - the text of a Word file (ECMA-376, transitional and strict).
 *
 * Paragraphs are lines; headings begin with as many # as their level, list items
 * with the label that Word shows (docx_numbering.h). Rows of tables are lines
 * with tabs between cells (docx_writer.h), equations are in one line
 * (docx_math.h), signs of symbol fonts are the signs. Hidden text, deletions,
 * comments, codes of fields and pictures are left out; parts in HTML, text or
 * docx that the file embeds are read in their place. Footnotes and endnotes come
 * after the text, headers before, footers last. Pure function, any thread. */
#ifndef DOCUMENT_DOCX_H
#define DOCUMENT_DOCX_H

#include "core/buf.h"
#include "core/error.h"

/* Appends to `out`, whose maximum is the limit on text. Errors as in package.h. */
enum error_code docx_text(struct str bytes, struct buf *out, struct error *error) WARN_UNUSED;

#endif
