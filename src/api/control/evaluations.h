/* evaluations.h - what other operations of the control plane ask of evaluation jobs. */
#ifndef API_EVALUATIONS_H
#define API_EVALUATIONS_H

#include "api/call.h"
#include "api/control/tag_request.h"

/* Answers an operation on tags where the resource is an evaluation job; false: it is none. */
bool evaluations_take_tags(struct api_call *call, enum tag_operation operation);

#endif
