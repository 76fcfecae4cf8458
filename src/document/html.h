/* html.h - HTML reduced to what a reader sees, by gumbo's HTML5 parser.
 *
 * A file in any encoding of the web (charset.h): by its mark, by what it
 * declares, else UTF-8 or windows-1252. Blocks are lines; rows of tables are
 * lines with tabs between the cells; items of lists have their marker; pre
 * keeps its lines. The whole of it runs where the process has a limit on its
 * memory (sandbox.h). Any thread. */
#ifndef DOCUMENT_HTML_H
#define DOCUMENT_HTML_H

#include "core/buf.h"
#include "core/error.h"

/* Appends to `out`, whose maximum is the limit on text. Errors as in package.h. */
enum error_code html_text(struct str bytes, struct buf *out, struct error *error) WARN_UNUSED;

#endif
