/* number_format.h - numbers of a spreadsheet as its cells show them: the
 * common part of Excel's format codes (ECMA-376 part 1, 18.8.30 and 18.8.31).
 *
 * Decimals, thousands, percent, currency signs and other literals around the
 * number; dates and times, always as ISO 8601, since the codes' own order of
 * day and month says nothing to a reader who does not see the code. Fractions,
 * exponents and conditions fall back to the plain number. Pure functions, any
 * thread. */
#ifndef DOCUMENT_NUMBER_FORMAT_H
#define DOCUMENT_NUMBER_FORMAT_H

#include <stdbool.h>

#include "core/str.h"

#define NUMBER_AFFIX_MAX 16
#define NUMBER_TEXT_MAX 420 /* of number_format_write: the longest double in decimal digits with separators */

struct number_format {
    enum { NUMBER_GENERAL, NUMBER_FIXED, NUMBER_DATE } kind;
    /* NUMBER_FIXED */
    int decimals; /* 0 to 15 */
    int digits;   /* before the point at least, 0 to 15: 00000 */
    bool has_thousands, is_percent;
    char prefix[NUMBER_AFFIX_MAX], suffix[NUMBER_AFFIX_MAX];
    /* NUMBER_DATE */
    bool has_date, has_time, has_seconds;
    bool is_elapsed; /* [h]: hours run past 24 */
};

/* The code of a custom format; its first section counts. */
struct number_format number_format_parse(struct str code);

/* One of the formats that a file names by number only. */
struct number_format number_format_builtin(unsigned id);

/* Days count from 1900 or, is_1904, from 1904. NUL-terminated, cut at the maximum. */
void number_format_write(const struct number_format *format, double value, bool is_1904, char out[NUMBER_TEXT_MAX]);

#endif
