/* number_moment.h - days of a spreadsheet as dates and times of ISO 8601. Pure
 * functions, any thread. */
#ifndef DOCUMENT_NUMBER_MOMENT_H
#define DOCUMENT_NUMBER_MOMENT_H

#include <stdbool.h>

#include "core/str.h"

/* Which parts of a moment a format code shows. */
struct moment_format {
    bool has_date, has_time, has_seconds;
    char elapsed;     /* h, m or s: of [h], which runs past 24; '\0': none does */
    bool is_either;   /* what the value has: nobody knows which */
    int second_digits; /* behind the point, at most 3 */
};

struct moment_format moment_format_parse(struct str code);

/* True when a code has a letter of dates in it. */
bool moment_is_code(struct str code);

/* False: no such day; nothing is written. */
bool moment_write(const struct moment_format *format, double value, bool is_1904, char *out, size_t cap);

#endif
