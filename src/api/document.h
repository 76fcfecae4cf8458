/* document.h - the text of document blocks: txt, md and csv as they are, html
 * reduced to what a reader sees. Other formats are refused by name.
 * Pure functions, any thread. */
#ifndef API_DOCUMENT_H
#define API_DOCUMENT_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

/* `format` is the API's ("html"); `where` is the path of the document block. */
enum error_code document_text(struct str format, struct str bytes, const char *where, struct arena *arena,
                              struct str *text, struct error *error) WARN_UNUSED;

/* Tags dropped, block elements on lines of their own, scripts, styles and
 * comments left out, character references decoded, white space collapsed. */
bool document_reduce_html(struct str html, struct buf *out);

#endif
