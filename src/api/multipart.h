/* multipart.h - multipart/form-data (RFC 7578): the parts of a body that is there whole, one after the other.
 *
 * A part's body points into the form's; nothing is copied but names. Lenient in what stands between the parts, strict
 * in the delimiter: what is not ended by one is no part. Pure functions, any thread. */
#ifndef API_MULTIPART_H
#define API_MULTIPART_H

#include <stdbool.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 */
#define MULTIPART_PARTS_MAX 100
#define MULTIPART_HEADERS_MAX 16384 /* bytes, of one part */

struct multipart {
    struct str rest;
    char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* line feed and dashes before the boundary */
    size_t count;
};

/* Names in the arena. */
struct multipart_part {
    struct str name, filename; /* filename.data NULL: it is no file */
    struct str body;
};

/* `type`: of the content. ERROR_INVALID: it is another one, or names no boundary. */
enum error_code multipart_open(struct multipart *form, struct str type, struct str body,
                               struct error *error) WARN_UNUSED;
/* *has_part false: there are no more. ERROR_INVALID: the body breaks off, or is none. */
enum error_code multipart_next(struct multipart *form, struct arena *arena, struct multipart_part *part,
                               bool *has_part, struct error *error) WARN_UNUSED;

#endif
