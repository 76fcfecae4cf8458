/* profiles.h - inference profiles, those of the catalogue and those that tenants
 * make: the operations on them, and finding the one that a request names.
 * On the exchange's I/O thread. */
#ifndef API_PROFILES_H
#define API_PROFILES_H

#include "api/call.h"
#include "api/control/tag_request.h"

/* When `id` is the ARN or the ID of an application profile of the caller's:
 * its ARN, its tags and what it stands for, in the exchange's arena, and true. */
bool profiles_find(struct api_call *call, struct str id, struct str *arn, struct str *tags, struct str *source);

/* TagResource and the like, when the resource is an application profile. False:
 * it is something else, or the body makes no sense; nothing has been answered. */
bool profiles_take_tags(struct api_call *call, enum tag_operation operation);

#endif
