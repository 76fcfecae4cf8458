/* pdf_text.h - from what pdftotext writes to what a model reads. Pure
 * functions, any thread. */
#ifndef DOCUMENT_PDF_TEXT_H
#define DOCUMENT_PDF_TEXT_H

#include "core/buf.h"
#include "core/error.h"

/* Appends the pages of `raw`, each of which ends with a form feed, to `out`,
 * whose maximum is the limit on text. Between two pages stands a line
 * "--- page 2 ---"; white space at line ends and runs of empty lines go, runs
 * of blanks are cut to four, which still tell columns apart; control
 * characters go, bytes that are not UTF-8 become U+FFFD.
 *
 * ERROR_INVALID with a clause about the file: no text in it, more pages than
 * limit(document_pages), too much text. ERROR_NO_MEMORY. */
enum error_code pdf_text(struct str raw, struct buf *out, struct error *error) WARN_UNUSED;

#endif
