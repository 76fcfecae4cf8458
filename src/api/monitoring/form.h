/* form.h - the query protocol's way to write a document: a form of dotted names,
 * `MetricDataQueries.member.1.MetricStat.Period=60`, whose types the operation's shape tells. Any thread. */
#ifndef API_MONITORING_FORM_H
#define API_MONITORING_FORM_H

#include "api/monitoring/shape.h"
#include "core/buf.h"
#include "core/mem.h"

#define FORM_FIELDS_MAX 65536

struct form {
    struct form_field *fields; /* ordered as documents are, numbers by their value */
    size_t count;
};

/* Decodes fields into the arena. ERROR_INVALID: an escape that is none, too many fields. */
enum error_code form_parse(struct str text, struct arena *arena, struct form *form, struct error *error) WARN_UNUSED;

/* A field of the first level; data NULL without. */
struct str form_get(const struct form *form, const char *name);

/* The fields as JSON text of `shape`, a structure; those that it does not know are left out. Lists keep the order of
 * their numbers, whatever those are. ERROR_INVALID names a field that is not of its type. */
enum error_code form_read(const struct form *form, const struct shape *shape, struct arena *arena, struct buf *json,
                          struct error *error) WARN_UNUSED;

#endif
