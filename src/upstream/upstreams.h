/* upstreams.h - the upstreams of a running server: their settings, their secrets
 * and what is known of their health. Opened before threads start; any thread. */
#ifndef UPSTREAM_UPSTREAMS_H
#define UPSTREAM_UPSTREAMS_H

#include "upstream/health.h"

struct upstream {
    const struct upstream_config *config;
    const char *base; /* the URL that paths are appended to, without a slash at its end */
    const char *host; /* of it, with the port where it has one */
    const char *path; /* of it; "" without one */
    char *secret;     /* NULL: none is needed. Never in a message or a log */
    struct health health;
};

struct upstreams {
    struct arena arena;
    struct upstream *items; /* in the order of fulcrum.yaml */
    size_t count;
};

/* Reads the secrets. An error names the upstream and the file or variable. */
enum error_code upstreams_open(const struct config *config, struct upstreams *upstreams,
                               struct error *error) WARN_UNUSED;
void upstreams_close(struct upstreams *upstreams); /* a zeroed one is legal */

struct upstream *upstreams_at(struct upstreams *upstreams, const struct upstream_config *config);

/* Appends what /metrics says of them. */
void upstreams_append_metrics(struct upstreams *upstreams, struct buf *out);

#endif
