/* number_format.h - numbers of a spreadsheet as its cells show them: Excel's
 * format codes (ECMA-376 part 1, 18.8.30 and 18.8.31).
 *
 * Sections with and without conditions, decimals, thousands, scaling, percent,
 * fractions, exponents, currencies and other literals, text. Dates and times
 * are always ISO 8601, since the codes' own order of day and month says nothing
 * to a reader who does not see the code. Colours, and gaps that only align, are
 * left out. Pure functions, any thread. */
#ifndef DOCUMENT_NUMBER_FORMAT_H
#define DOCUMENT_NUMBER_FORMAT_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/str.h"

#define NUMBER_SECTIONS 4
#define NUMBER_TEXT_MAX 512 /* of a number as shown; a longer one is cut */

struct number_section {
    struct str code; /* without conditions, colours and locales */
    enum { CONDITION_NONE, CONDITION_LESS, CONDITION_LESS_EQUAL, CONDITION_EQUAL, CONDITION_NOT_EQUAL,
           CONDITION_MORE_EQUAL, CONDITION_MORE } condition;
    double limit;
    enum { SECTION_NUMBER, SECTION_GENERAL, SECTION_MOMENT } kind;
};

struct number_format {
    struct number_section sections[NUMBER_SECTIONS];
    unsigned count; /* 0: General */
};

/* The code must outlive the format. */
struct number_format number_format_parse(struct str code);

/* One of the formats that a file names by number only. */
struct number_format number_format_builtin(unsigned id);

/* `text` is the number in the file. Days count from 1900 or, is_1904, from 1904.
 * NUL-terminated; what is no number comes out as it is. */
void number_format_write(const struct number_format *format, struct str text, bool is_1904,
                         char out[NUMBER_TEXT_MAX]);

/* What stands before and behind a text in a cell of that format; false: the text itself is not shown. */
bool number_format_around(const struct number_format *format, char before[NUMBER_TEXT_MAX],
                          char behind[NUMBER_TEXT_MAX]);

#endif
