/* json_copy.h - parts of a JSON text, taken out of it without parsing it again.
 *
 * For text that json_parse has taken before, whoever that was: what is no JSON is neither refused nor understood here,
 * but nothing is read beyond its end. One pass over the bytes, no tree. Any thread. */
#ifndef CORE_JSON_COPY_H
#define CORE_JSON_COPY_H

#include "core/buf.h"

/* The value of the first member of that name of the object that `text` is, as it stands there; data NULL: `text` is no
 * object, or has no such member. */
struct str json_copy_find(struct str text, const char *name);

/* The elements of an array's text, which may be longer than a tree of it could be: *rest is that text at first, and
 * what
 * follows the element after. False: there is none any more; *rest is empty then where the array was whole. Commas and
 * brackets are checked, elements are not. */
bool json_copy_element(struct str *rest, struct str *element);

/* Appends the value byte for byte as json_append prints the document that json_parse_exact makes of it: without white
 * space, with the escapes alone that strings need. */
bool json_copy_append(struct buf *out, struct str value);

/* The text that a string stands for. False: `value` is no string. */
bool json_copy_string(struct buf *out, struct str value);

#endif
