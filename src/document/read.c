/* read.c - one switch from a format to its reader, in the process that is sandboxed. See read.h. */
#include "document/read.h"

#include <assert.h>

#include "document/docx.h"
#include "document/html.h"
#include "document/xlsx.h"

enum error_code document_read(enum document_format format, struct str bytes, struct buf *out, struct error *error)
{
    assert(format != DOCUMENT_PDF);
    enum error_code code = format == DOCUMENT_DOCX   ? docx_text(bytes, out, error)
                           : format == DOCUMENT_XLSX ? xlsx_text(bytes, out, error)
                                                     : html_text(bytes, out, error);
    if (code == OK && str_trim(buf_str(out)).len == 0)
        code = error_set(error, ERROR_INVALID, "there is no text in the %s file", document_format_name(format));
    return code;
}
