/* evaluation_request.h - what operations on evaluation jobs carry: the body of CreateEvaluationJob, identifiers, and
 * the list of BatchDeleteEvaluationJob. Patterns and bounds are those of the service's model. Any thread. */
#ifndef API_EVALUATION_REQUEST_H
#define API_EVALUATION_REQUEST_H

#include "core/json.h"
#include "eval/job.h"

/* Fills what the body says of a job; strings lie in the arena. Errors name the member. Of models only the identifiers
 * are known then. */
enum error_code evaluation_request_parse(struct str body, struct arena *arena, struct eval_job *job,
                                         struct error *error) WARN_UNUSED;

struct evaluation_identifier {
    struct str text; /* as it came */
    struct str id;
    struct str region, account; /* of an ARN, else empty */
};
/* An ARN, or the 12 characters of an ID. */
enum error_code evaluation_identifier_parse(struct str text, const char *member,
                                            struct evaluation_identifier *identifier,
                                            struct error *error) WARN_UNUSED;

#define EVALUATION_DELETES_MAX 25
struct evaluation_deletes {
    struct evaluation_identifier items[EVALUATION_DELETES_MAX];
    size_t count;
};
enum error_code evaluation_deletes_parse(struct str body, struct arena *arena, struct evaluation_deletes *deletes,
                                         struct error *error) WARN_UNUSED;

#endif
