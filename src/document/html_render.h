/* html_render.h - the text of an HTML tree, as someone sees it who looks at the page. */
#ifndef DOCUMENT_HTML_RENDER_H
#define DOCUMENT_HTML_RENDER_H

#include <gumbo.h>

#include "core/buf.h"
#include "core/error.h"

/* Appends to `out`, whose maximum is the limit on text. The order of a table's
 * parts in the tree is put right on the way. ERROR_INVALID when the text is too
 * long, ERROR_NO_MEMORY. Any thread. */
enum error_code html_render(GumboNode *root, struct buf *out, struct error *error) WARN_UNUSED;

#endif
