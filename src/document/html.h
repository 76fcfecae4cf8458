/* html.h - HTML reduced to what a reader sees. Pure function, any thread. */
#ifndef DOCUMENT_HTML_H
#define DOCUMENT_HTML_H

#include "core/buf.h"

/* Tags dropped, block elements on lines of their own, scripts, styles and
 * comments left out, character references decoded, white space collapsed.
 * False on no memory or a full buffer. */
bool html_text(struct str html, struct buf *out);

#endif
