/* settings.h - which tenants have their invocations logged, and where to: kept in DATA/state.db, and all of it in
 * memory, since every request asks.
 *
 * A configuration is one tenant's in one account and region. It never changes: another one takes its place. Whoever
 * holds one keeps it alive, and sees by `is_over` that it is no longer the one in force. Any thread. */
#ifndef INVOCATIONS_SETTINGS_H
#define INVOCATIONS_SETTINGS_H

#include <stdatomic.h>

#include "core/error.h"
#include "core/mem.h"

/* What goes into records besides who, when and how much. */
enum settings_kind {
    SETTINGS_TEXT = 1 << 0,   /* bodies at all */
    SETTINGS_IMAGES = 1 << 1, /* those with images or documents in them too */
    SETTINGS_VIDEO = 1 << 2,
    SETTINGS_AUDIO = 1 << 3,
    SETTINGS_ALL = (1 << 4) - 1,
};

struct settings {
    struct str tenant, account, region;
    struct str bucket, prefix; /* the prefix is empty or ends with a slash */
    struct str text;           /* as it was put: a JSON object */
    unsigned kinds;            /* bits of enum settings_kind */
    /* The store's own. */
    struct arena arena; /* owns the strings */
    atomic_uint holders;
    atomic_bool is_over;
};
void settings_release(const struct settings *settings); /* NULL is legal */

struct settings_store;

enum error_code settings_open(const char *data, struct settings_store **store, struct error *error) WARN_UNUSED;
void settings_close(struct settings_store *store); /* NULL is legal */

/* To be released; NULL: nothing is logged. Where nobody has anything logged, that is one read of a counter. */
const struct settings *settings_get(struct settings_store *store, struct str tenant, struct str account,
                                    struct str region);
/* Is anything logged for the tenant, in any region, to this bucket? */
bool settings_name_bucket(struct settings_store *store, struct str tenant, struct str bucket);

/* `wanted` in the place of what was there; it is copied. Waits for the disk. ERROR_QUOTA: there are too many. */
enum error_code settings_put(struct settings_store *store, const struct settings *wanted,
                             struct error *error) WARN_UNUSED;
/* What isn't there is deleted all the same. */
enum error_code settings_delete(struct settings_store *store, struct str tenant, struct str account,
                                struct str region, struct error *error) WARN_UNUSED;

#endif
