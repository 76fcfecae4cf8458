/* read.h - the text of a file that this program reads itself, by its format. Any thread. */
#ifndef DOCUMENT_READ_H
#define DOCUMENT_READ_H

#include "core/buf.h"
#include "core/error.h"
#include "document/format.h"

/* Appends to `out`, whose maximum is the limit on text; a file without any is
 * refused. Not for PDF, which another program reads. Errors as in package.h. */
enum error_code document_read(enum document_format format, struct str bytes, struct buf *out,
                              struct error *error) WARN_UNUSED;

#endif
