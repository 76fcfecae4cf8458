/* upstream_marks.h - marks of the prompt cache that are placed for clients who place none. Any thread. */
#ifndef GENERATE_UPSTREAM_MARKS_H
#define GENERATE_UPSTREAM_MARKS_H

#include "generate/backend.h"
#include "upstream/upstreams.h"

/* What was thought of for one request. */
struct upstream_marks {
    bool is_thought_of;    /* false: the client's own marks, or nobody's, count */
    struct marks_prompt prompt; /* for marks_sent and marks_counted, as is the choice */
    struct marks_choice choice;
    size_t read_end;       /* messages whose end has a mark of its own, for that of all is too far behind; 0: none */
    struct chat_cache_use use; /* its marks, and why less than all will be read */
};

/* *request is job->request, or a copy of it in its arena with marks, whose messages and system texts are other ones;
 * what is marked keeps its node, which lacks the mark. ERROR_NO_MEMORY. */
enum error_code upstream_marks_place(const struct upstream *upstream, const struct backend_job *job,
                                     struct upstream_marks *marks, const struct chat_request **request,
                                     struct error *error) WARN_UNUSED;

#endif
