/* objects_usage.h - how many bytes each tenant's objects take, and how many they may.
 *
 * What the server wrote counts: objects, parts of uploads, and what is being
 * written, from its first byte or from its announcement. A file that somebody
 * put into a bucket by hand does not. Replacing an object needs room for what
 * the new one has more; so that nobody can write many successors of one large
 * object at once, only one put of a tenant at a time has that advantage.
 *
 * Counts live in memory; objects_recover.c makes them anew at each start. An
 * account is there while it counts something or somebody holds it. Any thread.
 * Private to the store room. */
#ifndef STORE_OBJECTS_USAGE_H
#define STORE_OBJECTS_USAGE_H

#include <pthread.h>

#include "store/objects.h"

struct objects_usage {
    pthread_mutex_t mutex;
    void *accounts; /* a tree of tsearch(3), by tenant */
    objects_quota *quota; /* NULL: nothing is counted */
    const void *quota_ctx;
};

struct usage_account;

/* What one put holds of its tenant's account. Zero: nothing, and all functions below do nothing to it. */
struct objects_charge {
    struct usage_account *account;
    uint64_t bytes;  /* counted for this put */
    uint64_t credit; /* of the object that it is to replace; 0 where another put has the advantage */
};

void objects_usage_init(struct objects_usage *usage, objects_quota *quota, const void *quota_ctx);
void objects_usage_deinit(struct objects_usage *usage);

/* `replaced`: size of the object that is there now. OBJECTS_FAILED: no memory. */
enum objects_problem objects_charge_begin(struct objects_usage *usage, struct str tenant, uint64_t replaced,
                                          struct objects_charge *charge, struct error *error) WARN_UNUSED;
/* Counts so that the charge has `total` bytes. OBJECTS_QUOTA: they are too many, nothing is changed. */
enum objects_problem objects_charge_raise(struct objects_usage *usage, struct objects_charge *charge, uint64_t total,
                                          struct error *error) WARN_UNUSED;
/* What was written stays, all `kept` bytes of it, in place of `replaced` ones. The charge is over. */
void objects_charge_keep(struct objects_usage *usage, struct objects_charge *charge, uint64_t kept, uint64_t replaced);
/* What was written goes. Of a charge that is over: nothing. */
void objects_charge_drop(struct objects_usage *usage, struct objects_charge *charge);

/* Counted without asking: at the start, and after a deletion. */
enum objects_problem objects_usage_add(struct objects_usage *usage, struct str tenant, uint64_t bytes,
                                       struct error *error) WARN_UNUSED;
/* False: nothing is counted. */
bool objects_usage_bytes(struct objects_usage *usage, struct str tenant, uint64_t *bytes);
void objects_usage_subtract(struct objects_usage *usage, struct str tenant, uint64_t bytes);

#endif
