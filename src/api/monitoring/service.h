/* service.h - the monitoring service, as its handlers see it: a document of the operation's shape in, one out, and who
 * asks. Nothing here knows which of the three protocols brought it.
 *
 * A handler runs on a thread that may wait (libuv's pool) and has the request for itself. What it puts into the reply,
 * and its strings, lie in the request's arena, or are copied (yyjson_mut_*_strcpy, monitoring_add_str). */
#ifndef API_MONITORING_SERVICE_H
#define API_MONITORING_SERVICE_H

#include "api/monitoring/shape.h"
#include "auth/tenant.h"
#include "core/mem.h"

struct api;

/* What can be wrong, by the service's names (faults.c): each protocol says them in its own way. */
enum monitoring_fault {
    FAULT_NONE,
    FAULT_PARAMETER_VALUE,
    FAULT_PARAMETER_COMBINATION,
    FAULT_MISSING_PARAMETER,
    FAULT_NEXT_TOKEN,
    FAULT_FORMAT,
    FAULT_LIMIT,
    FAULT_VALIDATION,
    FAULT_NOT_FOUND,
    FAULT_DASHBOARD_NOT_FOUND,
    FAULT_DASHBOARD_INVALID,
    FAULT_SERIALIZATION, /* the body is no document, or a member is not of its type */
    FAULT_THROTTLED,
    FAULT_UNAVAILABLE,
    FAULT_INTERNAL,
    FAULTS,
};

struct monitoring_operation;

struct monitoring_request {
    const struct monitoring_operation *operation;
    const struct api *api;         /* for what the server has: api/call.h */
    struct str tenant;
    const char *account, *region;
    uint64_t now_us;               /* clock_wall_us() */
    yyjson_val *input;             /* an object of the operation's shape, perhaps with members that it does not know */
    yyjson_mut_doc *reply;         /* in the arena... */
    yyjson_mut_val *output;        /* ...and its root, an object to be filled */
    struct arena *arena;
    enum monitoring_fault fault;   /* of an error that was made by monitoring_fail */
};

typedef enum error_code monitoring_handler(struct monitoring_request *request, struct error *error);

struct monitoring_operation {
    const char *name;
    monitoring_handler *handle; /* NULL: known, and not served */
    const struct shape *input, *output; /* output NULL: it gives nothing back */
    bool changes; /* something on the disk: refused when that is gone */
};

extern const struct monitoring_operation monitoring_operations[];
extern const size_t monitoring_operation_count;
const struct monitoring_operation *monitoring_operation_find(struct str name); /* NULL: there is none */

/* Errors without a fault are the server's, or those that error_code says enough of. Returns ERROR_INVALID. */
enum error_code monitoring_fail(struct monitoring_request *request, enum monitoring_fault fault, struct error *error,
                                const char *format, ...) PRINTF_LIKE(4, 5);

/* Members of objects whose shape was checked. */
struct str monitoring_get_str(yyjson_val *object, const char *key);     /* data NULL without one */
bool monitoring_get_time(yyjson_val *object, const char *key, double *seconds); /* false without one */
int64_t monitoring_get_int(yyjson_val *object, const char *key, int64_t otherwise);
double monitoring_get_number(yyjson_val *object, const char *key, double otherwise);
bool monitoring_get_bool(yyjson_val *object, const char *key, bool otherwise);
bool monitoring_has(yyjson_val *object, const char *key); /* it is there, and not null */

/* Adds a member whose text is copied; nothing where `value` has no data. False: no memory. */
bool monitoring_add_str(struct monitoring_request *request, yyjson_mut_val *object, const char *key, struct str value);
/* A time in whole milliseconds, as documents have them. */
bool monitoring_add_time(struct monitoring_request *request, yyjson_mut_val *object, const char *key, uint64_t us);

/* Tokens of lists that page: a position, and a checksum of what was asked for, so that a token of another question is
 * refused (FAULT_NEXT_TOKEN). `what` is any text that tells questions apart. */
bool monitoring_add_token(struct monitoring_request *request, struct str what, uint64_t position);
enum error_code monitoring_read_token(struct monitoring_request *request, struct str what, uint64_t *position,
                                      struct error *error) WARN_UNUSED; /* 0 without a token */

/* --- handlers, by file --- */

monitoring_handler monitoring_get_metric_data;                          /* get.c */
monitoring_handler monitoring_get_metric_statistics;                    /* statistics.c */
monitoring_handler monitoring_list_metrics, monitoring_put_metric_data; /* metrics.c */

#endif
