/* operations.h - from method and path to an operation. Pure functions, any thread.
 *
 * A pattern is literal text and {parameters}. A parameter is one raw path
 * segment; when nothing matches so, it may span slashes, for clients that send
 * an ARN without encoding it. */
#ifndef API_OPERATIONS_H
#define API_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/str.h"

struct api_operation;

struct absent_operation {
    const char *method, *pattern, *name;
};

const struct api_operation *operations_table(size_t *count);
size_t operations_s3_index(void); /* all of S3 is one row */
const struct absent_operation *operations_absent(size_t *count);

/* True when the path fits; *parameter is the text of the last {parameter}, still encoded. */
bool operations_path_matches(const char *pattern, struct str path, bool spans_slashes, struct str *parameter);

struct operations_match {
    const struct api_operation *operation; /* NULL: none */
    size_t index;                          /* of the operation in the table */
    struct str parameter;
    const char *absent;          /* not served, but known by this name */
    const char *allowed_method;  /* the path exists, for this method only */
};
struct operations_match operations_find(struct str method, struct str path);

#endif
