/* shape.h - the types of what the monitoring service's operations take and give: a tree of const tables, from which
 * three codecs read and write one document (yyjson's). In documents a timestamp is a number, seconds since 1970; in
 * what clients send it may be text, ISO 8601, too. Pure functions, any thread. */
#ifndef API_MONITORING_SHAPE_H
#define API_MONITORING_SHAPE_H

#include <yyjson.h>

#include "core/error.h"
#include "core/str.h"

enum shape_kind {
    SHAPE_STRING,
    SHAPE_INTEGER,
    SHAPE_NUMBER,
    SHAPE_BOOLEAN,
    SHAPE_TIMESTAMP,
    SHAPE_LIST,
    SHAPE_MAP, /* from text to `of` */
    SHAPE_STRUCTURE,
    SHAPE_ANY, /* what is not served: it only has to be seen */
};

struct shape_member;

struct shape {
    enum shape_kind kind;
    const struct shape *of;               /* of lists and maps */
    const struct shape_member *members;   /* of structures */
    size_t count;
};

struct shape_member {
    const char *name;
    const struct shape *shape;
    bool is_required;
};

const struct shape *shape_find(const struct shape *structure, struct str name); /* NULL: it has no such member */

/* Whether the value is of the shape; members that it does not know are left alone. ERROR_INVALID names the member and
 * what it should be; *is_missing: one that must be there is not. */
enum error_code shape_check(const struct shape *shape, yyjson_val *value, bool *is_missing,
                            struct error *error) WARN_UNUSED;

/* Text as a value of a shape without parts; false: it is none. */
bool shape_is_number(struct str text, bool is_whole);

/* A timestamp, as a number or as text. False: it is none, or not in the years 1970 to 9999. */
bool shape_time(yyjson_val *value, double *seconds);
bool shape_parse_time(struct str text, double *seconds);

#endif
