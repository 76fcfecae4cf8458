/* tag_request.h - tags of resources: the bodies of TagResource, UntagResource and
 * ListTagsForResource, and the tags that a resource is made with. Patterns and
 * bounds are those of the service's model. Any thread. */
#ifndef API_TAG_REQUEST_H
#define API_TAG_REQUEST_H

#include "core/json.h"
#include "core/mem.h"
#include "jobs/jobs.h"

enum tag_operation { TAG_RESOURCE, UNTAG_RESOURCE, LIST_TAGS };

/* Strings lie in the arena. */
struct tag_request {
    struct str resource;    /* of the length that an ARN may have, no more is known of it */
    struct job_tags tags; /* TAG_RESOURCE; each key once */
    struct str *keys;       /* UNTAG_RESOURCE */
    size_t key_count;
};
enum error_code tag_request_parse(enum tag_operation operation, struct str body, struct arena *arena,
                                  struct tag_request *request, struct error *error) WARN_UNUSED;

/* The member `tags` of `root`; none when it is absent. */
enum error_code tags_parse(yyjson_val *root, struct arena *arena, struct job_tags *tags,
                           struct error *error) WARN_UNUSED;

/* The same of another member. */
enum error_code tags_parse_member(yyjson_val *root, const char *key, struct arena *arena, struct job_tags *tags,
                                  struct error *error) WARN_UNUSED;

/* {"tags":[{"key":...,"value":...}]} */
void tags_append(struct buf *out, const struct job_tags *tags);

#endif
