/* lines.h - a text by its lines: lists of choices or points, and who speaks. Pure, any thread. */
#ifndef ROUTE_LINES_H
#define ROUTE_LINES_H

#include <stdint.h>

#include "core/str.h"

/* Lengths are in bytes; zero is a valid beginning. */
struct lines {
    float count, items; /* items: lines that begin as one of a list does: "A. ", "2) ", "- ", in any script */
    float sum, squares, longest, shortest; /* of the items' lengths, without their marks */
    float numeric;  /* items with more digits than letters */
    float before;   /* length of the lines before the first item */
    float dialogue; /* lines that begin with a name and a colon */
    float alike;    /* sum over items of what they share with the one before: 0 to 1 each */
    uint32_t words; /* of the item before: a filter of 32 bits */
};

void lines_read(struct str text, struct lines *lines); /* adds to what was read before */

#endif
