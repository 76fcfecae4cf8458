/* invocations.h - model invocation logging: each request that a tenant wants logged becomes a record, a line of JSON
 * in the service's form; records go in batches into a bucket of the tenant's.
 *
 * Off, which is how it begins, it costs a request one read of a counter. On, the request's thread copies what the
 * record needs and puts it into a queue, under a mutex that nobody holds over anything slow; it never waits for a disk
 * or a store, and what there is no room for is lost and counted. Two threads do the rest: one writes records to the
 * spool (spool.h), one delivers what the spool has (deliver.h).
 *
 * A request is logged under the configuration in force when it ends, if there was one when it began. */
#ifndef INVOCATIONS_INVOCATIONS_H
#define INVOCATIONS_INVOCATIONS_H

#include "invocations/settings.h"
#include "store/objects.h"

struct invocations;

/* The objects outlive it. */
enum error_code invocations_open(const char *data, struct objects *objects, struct invocations **invocations,
                                 struct error *error) WARN_UNUSED;
/* No request is left. Writes what is queued and delivers what it can in LIMIT_INVOCATION_CLOSE_MS; the next start
 * delivers the rest. Where the store does not answer in time, nobody waits for it any more (objects_interrupt). NULL is
 * legal. */
void invocations_close(struct invocations *invocations);

/* --- configurations: any thread; changes wait for disk and store --- */

/* To be released; NULL: there is none. */
const struct settings *invocations_get(struct invocations *invocations, struct str tenant, struct str account,
                                       struct str region);
/* In force at once. The destination is tried first: ERROR_INVALID where it takes nothing. */
enum error_code invocations_put(struct invocations *invocations, const struct settings *wanted,
                                struct error *error) WARN_UNUSED;
/* At once: what was logged until then is still delivered, nothing else is. */
enum error_code invocations_delete(struct invocations *invocations, struct str tenant, struct str account,
                                   struct str region, struct error *error) WARN_UNUSED;
/* Bytes that a prefix may have, its slash included, so that all keys fit. */
size_t invocations_prefix_max(struct str account, struct str region);

/* --- one request: one thread at a time --- */

struct invocation;

/* NULL: it is not logged. */
struct invocation *invocation_begin(struct invocations *invocations, struct str tenant, struct str account,
                                    struct str region);
/* Each copies, where the record shall have bodies. */
void invocation_add_input(struct invocation *invocation, struct str body); /* once; later ones are passed over */
void invocation_add_event(struct invocation *invocation, struct str name, struct str payload); /* name may be empty */
void invocation_set_output(struct invocation *invocation, struct str body); /* in the place of events */

struct invocation_facts {
    struct str request_id, operation, model_id;
    struct str content_type;        /* of the input */
    struct str metadata;            /* a JSON object; empty: none */
    struct str error_code;          /* by the service's name; empty: it went well */
    bool is_regional;               /* asked for by a geography's ID: the record says which region answered */
    unsigned carries;               /* bits of enum settings_kind: what is in the input besides text */
    bool is_read;                   /* the input is known to be JSON, and what it carries is */
    uint64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
};
void invocation_end(struct invocation *invocation, const struct invocation_facts *facts); /* frees it */

/* --- counters: any thread --- */

struct invocations_counters {
    uint64_t delivered, failed;             /* objects of records: put, and tries that failed; lost records count too */
    uint64_t large_delivered, large_failed; /* the same of objects of bodies */
    uint64_t records;                       /* that are in a bucket */
    uint64_t lost_memory, lost_disk, lost_destination; /* records: no room in the queue, in the spool; given up */
    uint64_t queue_bytes, spool_bytes;
};
void invocations_counters(struct invocations *invocations, struct invocations_counters *counters);

#endif
