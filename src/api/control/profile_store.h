/* profile_store.h - application inference profiles: names that a tenant gives
 * to a model, so that its lines in the ledger can be told apart. They are kept
 * in DATA/state.db, and all of them in memory, since every request that names
 * one has to find it.
 *
 * Any thread. What changes them waits for the disk: I/O threads leave that to
 * others. Strings that are handed out lie in the caller's arena. */
#ifndef API_PROFILE_STORE_H
#define API_PROFILE_STORE_H

#include "batch/job.h"
#include "core/error.h"
#include "core/mem.h"

#define PROFILE_ID_LEN 12       /* [a-z0-9] */
#define PROFILE_TAGS_BYTES 8192 /* of a profile's tags as JSON: they go into each line of the ledger */

struct profile {
    char id[PROFILE_ID_LEN + 1];
    int64_t sequence; /* order of creation */
    struct str tenant, account, region;
    struct str name, description; /* description may be empty */
    struct str source;            /* ARN of the foundation model or system profile that it stands for */
    struct str token;             /* of the request that made it; may be empty */
    struct str tags;              /* a JSON object of strings, keys ascending; empty: none */
    uint64_t created_us, updated_us;
};

struct profiles;

enum error_code profiles_open(const char *data, struct profiles **profiles, struct error *error) WARN_UNUSED;
void profiles_close(struct profiles *profiles); /* NULL is legal */

/* ERROR_NOT_FOUND, also for another tenant's. */
enum error_code profiles_get(struct profiles *profiles, struct str tenant, struct str id, struct arena *arena,
                             struct profile *profile, struct error *error) WARN_UNUSED;

/* The tenant's, in the order in which they were made, from behind sequence
 * `beyond` on, at most `max`; *has_more: there are others. */
enum error_code profiles_list(struct profiles *profiles, struct str tenant, int64_t beyond, size_t max,
                              struct arena *arena, struct profile **found, size_t *count, bool *has_more,
                              struct error *error) WARN_UNUSED;

/* Gives ID, sequence and times. When the tenant has used the token before: OK
 * and that profile's ID if the requests are the same, else ERROR_CONFLICT.
 * ERROR_QUOTA: there are too many. */
enum error_code profiles_create(struct profiles *profiles, struct profile *profile, struct error *error) WARN_UNUSED;

enum error_code profiles_delete(struct profiles *profiles, struct str tenant, struct str id,
                                struct error *error) WARN_UNUSED;

/* Adds these tags, or gives keys that are there another value; takes `keys`
 * away, those that are not there included. ERROR_TAGS: there would be more than
 * JOB_TAGS_MAX or PROFILE_TAGS_BYTES; nothing has changed. */
enum error_code profiles_tag(struct profiles *profiles, struct str tenant, struct str id,
                             const struct job_tags *tags, const struct str *keys, size_t key_count,
                             struct error *error) WARN_UNUSED;

/* `tags` as the JSON text of a profile, in the arena. ERROR_TAGS as above. */
enum error_code profile_tags_json(const struct job_tags *tags, struct arena *arena, struct str *json,
                                  struct error *error) WARN_UNUSED;

/* Such a text without `keys` and with `more`. */
enum error_code profile_tags_merge(struct str json, const struct job_tags *more, const struct str *keys,
                                   size_t key_count, struct arena *arena, struct str *merged,
                                   struct error *error) WARN_UNUSED;

/* The tags of such a text, in the arena. */
enum error_code profile_tags_parse(struct str json, struct arena *arena, struct job_tags *tags,
                                   struct error *error) WARN_UNUSED;

#endif
