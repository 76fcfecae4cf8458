/* upstream_body.h - what an upstream is sent for a request: the body in its API's
 * words, its hash where that is signed, and the prompt as hashes where replicas are
 * chosen by it. Any thread. */
#ifndef GENERATE_UPSTREAM_BODY_H
#define GENERATE_UPSTREAM_BODY_H

#include "chat/codec.h"
#include "core/util.h"
#include "generate/backend.h"
#include "generate/upstream_marks.h"
#include "upstream/upstreams.h"

/* What a body says besides the request. */
struct codec_form upstream_form(const struct upstream_config *upstream, const struct backend_job *job);

/* In the request's arena. */
struct upstream_body {
    struct str text;
    char hash[2 * SHA256_LEN + 1]; /* of it; empty: nobody needs it */
    bool has_prefix;
    struct affinity_prefix prefix;
    struct upstream_marks marks;
};

/* Makes job->prepared of it. ERROR_INVALID: the upstream's API has no words for the request, or does nothing of the
 * kind. */
enum error_code upstream_body_write(const struct upstream *upstream, struct backend_job *job,
                                    struct error *error) WARN_UNUSED;

/* Whether the reply is told in the upstream's own words too: the client's are the same. */
bool upstream_is_passed_on(const struct backend_job *job, const struct upstream_config *upstream);

enum error_code upstream_refuse_count(const struct target *target, struct error *error);

#endif
