/* xlsx.h - the text of an Excel file (ECMA-376, transitional and strict).
 *
 * Each sheet under its name, each row a line, cells separated by tabs, empty
 * cells kept so that columns stay columns. Numbers and dates as the cells show
 * them (number_format.h), formulas by the value they had when the file was
 * written, or by themselves when nobody had computed them. Empty rows in a row
 * become one empty line. Hidden rows and columns are left out and counted.
 * Charts, comments and pictures are left out. Pure function, any thread. */
#ifndef DOCUMENT_XLSX_H
#define DOCUMENT_XLSX_H

#include "core/buf.h"
#include "core/error.h"

/* Appends to `out`, whose maximum is the limit on text. Errors as in package.h. */
enum error_code xlsx_text(struct str bytes, struct buf *out, struct error *error) WARN_UNUSED;

#endif
