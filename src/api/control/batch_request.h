/* batch_request.h - what operations on batch jobs carry: the body of
 * CreateModelInvocationJob, the query of ListModelInvocationJobs, identifiers.
 * Patterns and bounds are those of the service's model. Any thread. */
#ifndef API_BATCH_REQUEST_H
#define API_BATCH_REQUEST_H

#include "api/control/request_fields.h"
#include "batch/job_db.h"
#include "core/json.h"

#define BATCH_HOURS_MIN 24
#define BATCH_HOURS_MAX 168

/* Fills what the body says of a job; strings lie in the arena. Errors name the member. */
enum error_code batch_request_parse(struct str body, struct arena *arena, struct batch_job *job,
                                    struct error *error) WARN_UNUSED;

/* The 12 characters of "abc..." or ".../model-invocation-job/abc...". */
struct batch_identifier {
    struct str id;
    struct str region, account; /* of an ARN, else empty */
};
enum error_code batch_identifier_parse(struct str text, struct batch_identifier *identifier,
                                       struct error *error) WARN_UNUSED;

/* The same of an ARN that may be any resource's. ERROR_NOT_FOUND: of one that is no batch job. */
enum error_code batch_resource_parse(struct str text, struct batch_identifier *identifier,
                                     struct error *error) WARN_UNUSED;

extern const struct request_list_names batch_list_names;
enum error_code batch_list_parse(const struct request_list_query *query, struct job_filter *filter,
                                 struct error *error) WARN_UNUSED;

#endif
