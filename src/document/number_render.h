/* number_render.h - a number through one section of a format code. Pure functions, any thread. */
#ifndef DOCUMENT_NUMBER_RENDER_H
#define DOCUMENT_NUMBER_RENDER_H

#include "document/decimal.h"

/* As the format General shows it: its digits, an exponent for what is very large or small. */
void number_render_general(const struct decimal *value, char *out, size_t cap);

/* Without its sign, unless is_signed. NUL-terminated, cut at cap. */
void number_render(struct str code, const struct decimal *value, bool is_signed, char *out, size_t cap);

#endif
