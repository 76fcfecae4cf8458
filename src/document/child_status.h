/* child_status.h - exit statuses of the process that reads a document, apart
 * from pdftotext's own (0 to 3, 98 and 99). */
#ifndef DOCUMENT_CHILD_STATUS_H
#define DOCUMENT_CHILD_STATUS_H

#define CHILD_REFUSED 120   /* the file's fault; the reason stands on standard error */
#define CHILD_NO_MEMORY 121
#define CHILD_BROKEN 122    /* our fault; the reason stands on standard error */

/* pdftotext's. */
#define PDFTOTEXT_CANNOT_OPEN 1
#define PDFTOTEXT_FORBIDDEN 3

#endif
