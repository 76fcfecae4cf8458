/* resource_filter.h - what lists of resources are asked for: times, a part of the name, order, and pages. On the
 * exchange's I/O thread. */
#ifndef API_RESOURCE_FILTER_H
#define API_RESOURCE_FILTER_H

#include "api/call.h"
#include "store/resource.h"

struct resource_filter {
    uint64_t after_us, before_us; /* 0: no bound */
    struct str name_contains;     /* empty: any */
    bool is_ascending;            /* oldest first */
    int64_t beyond;               /* sequence of the last one seen; 0: from the start */
    size_t max;
};

/* Of the query; times are called `after` and `before` there. */
enum error_code resource_filter_parse(struct api_call *call, const char *after, const char *before,
                                      struct resource_filter *filter, struct error *error) WARN_UNUSED;
bool resource_filter_fits(const struct resource_filter *filter, const struct resource *resource, struct str name);

#endif
