/* upstreams.h - the upstreams of a running server: their settings, their secrets,
 * their replicas and what is known of the health of each. Opened before threads
 * start; any thread. */
#ifndef UPSTREAM_UPSTREAMS_H
#define UPSTREAM_UPSTREAMS_H

#include "upstream/affinity.h"
#include "upstream/health.h"
#include "upstream/marks.h"

/* What a replica's own metrics said of it last (scrape.h). */
struct replica_report {
    _Atomic uint64_t heard_us; /* when; 0: never */
    _Atomic uint32_t running, waiting, kv_permille;
};

/* One server of an upstream. */
struct replica {
    struct upstream *upstream;
    const char *base; /* the URL that paths are appended to, without a slash at its end */
    const char *host; /* of it, with the port where it has one */
    const char *path; /* of it; "" without one */
    uint64_t id;      /* of the URL, for affinity.h */
    struct health health;
    struct replica_report report;
};

struct upstream {
    const struct upstream_config *config;
    char *secret; /* NULL: none is needed. Never in a message or a log */
    struct replica *replicas;
    size_t replica_count;      /* at least one */
    struct affinity *affinity; /* NULL: there is one replica */
    struct marks *marks;       /* NULL: clients alone place marks */
};

struct upstreams {
    struct arena arena;
    struct upstream *items; /* in the order of fulcrum.yaml */
    size_t count;
    _Atomic bool is_scraped; /* one of the threads reads the replicas' metrics */
};

/* Reads the secrets. An error names the upstream and the file or variable. */
enum error_code upstreams_open(const struct config *config, struct upstreams *upstreams,
                               struct error *error) WARN_UNUSED;
void upstreams_close(struct upstreams *upstreams); /* a zeroed one is legal */

struct upstream *upstreams_at(struct upstreams *upstreams, const struct upstream_config *config);

/* The replica of a pool for a request, by prefix (NULL: it has none) and load; `tried`: a bit for each that has failed
 * it. Where none may be asked now, the one that may be soonest, and where all have been tried NULL. */
struct replica *upstream_pick(struct upstream *upstream, uint64_t now_us, const struct affinity_prefix *prefix,
                              uint64_t tried);
/* Whether one of those that have not been tried may be asked now. */
bool upstream_has_other(struct upstream *upstream, uint64_t now_us, uint64_t tried);
/* Whether the circuit of one of its replicas is not open; how many requests they have. */
bool upstream_is_there(struct upstream *upstream, uint64_t *running);

/* Its URL without the scheme, for people: 127.0.0.1:8001/v1. */
const char *replica_name(const struct replica *replica);
/* Its place in `replicas:`, from 1 on: for clients, whom addresses do not concern. */
static inline size_t replica_number(const struct replica *replica)
{
    return (size_t)(replica - replica->upstream->replicas) + 1;
}
static inline uint64_t replica_bit(const struct replica *replica)
{
    return UINT64_C(1) << (replica - replica->upstream->replicas);
}

#endif
