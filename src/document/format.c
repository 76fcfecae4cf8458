/* format.c - names and endings of formats. How one is read is read.c's. See format.h. */
#include "document/format.h"

static const char *const names[] = {[DOCUMENT_PDF] = "pdf",
                                    [DOCUMENT_DOCX] = "docx",
                                    [DOCUMENT_XLSX] = "xlsx",
                                    [DOCUMENT_HTML] = "html"};

bool document_format_parse(struct str name, enum document_format *format)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i]))) {
            *format = (enum document_format)i;
            return true;
        }
    }
    return false;
}

const char *document_format_name(enum document_format format)
{
    return names[format];
}
