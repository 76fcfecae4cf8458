/* format.h - the formats whose text has to be extracted. Any thread. */
#ifndef DOCUMENT_FORMAT_H
#define DOCUMENT_FORMAT_H

#include <stdbool.h>

#include "core/str.h"

enum document_format { DOCUMENT_PDF, DOCUMENT_DOCX, DOCUMENT_XLSX, DOCUMENT_HTML };

/* By the API's name: pdf, docx, xlsx, html. False: no such format. */
bool document_format_parse(struct str name, enum document_format *format);
const char *document_format_name(enum document_format format);

#endif
