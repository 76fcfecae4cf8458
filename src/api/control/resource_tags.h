/* resource_tags.h - the tags of a resource as text, as they are kept: a JSON object of strings, keys ascending; empty
 * where there are none. Pure functions, any thread. */
#ifndef API_RESOURCE_TAGS_H
#define API_RESOURCE_TAGS_H

#include "jobs/jobs.h"

#define RESOURCE_TAGS_BYTES 8192 /* of them all as JSON: a profile's go into each line of the ledger */

/* `tags` as such a text, in the arena. ERROR_TAGS: more than JOB_TAGS_MAX or RESOURCE_TAGS_BYTES. */
enum error_code resource_tags_json(const struct job_tags *tags, struct arena *arena, struct str *json,
                                   struct error *error) WARN_UNUSED;

/* Such a text without `keys`, those that are not there included, and with `more`, which go before what is there. */
enum error_code resource_tags_merge(struct str json, const struct job_tags *more, const struct str *keys,
                                    size_t key_count, struct arena *arena, struct str *merged,
                                    struct error *error) WARN_UNUSED;

/* The tags of such a text, in the arena. */
enum error_code resource_tags_parse(struct str json, struct arena *arena, struct job_tags *tags,
                                    struct error *error) WARN_UNUSED;

#endif
