/* customize_request.h - what operations on customization jobs carry: the body of CreateModelCustomizationJob, and
 * identifiers. Patterns and bounds are those of the service's model. Any thread. */
#ifndef API_CUSTOMIZE_REQUEST_H
#define API_CUSTOMIZE_REQUEST_H

#include "core/json.h"
#include "customize/job.h"

/* What the body says of a job; strings lie in the arena. Errors name the member. */
struct customize_request {
    struct custom_job *job; /* filled but for what follows from the base model */
    struct str base;        /* baseModelIdentifier, as it was sent */
    bool wants_soft;        /* hyperParameters.softLabels */
};
enum error_code customize_request_parse(struct str body, struct arena *arena, struct customize_request *request,
                                        struct error *error) WARN_UNUSED;

/* The last part of an ARN of this type (".../TYPE/BASE/ID"), else the text itself: an ID or a name. */
struct customize_identifier {
    struct str id;
    struct str region, account; /* of an ARN, else empty */
};
enum error_code customize_identifier_parse(struct str text, const char *type, const char *member,
                                           struct customize_identifier *identifier, struct error *error) WARN_UNUSED;

#endif
