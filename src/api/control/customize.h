/* customize.h - customization jobs and custom models: what their operations share. On the exchange's I/O thread. */
#ifndef API_CUSTOMIZE_H
#define API_CUSTOMIZE_H

#include "api/call.h"
#include "api/control/tag_request.h"

/* TagResource and the like, when the resource is a customization job; a custom model; a deployment of one. False: it
 * is something else, or the body makes no sense; nothing has been answered. */
bool custom_jobs_take_tags(struct api_call *call, enum tag_operation operation);
bool custom_models_take_tags(struct api_call *call, enum tag_operation operation);
bool custom_deployments_take_tags(struct api_call *call, enum tag_operation operation);

/* `,"NAME":"arn:...foundation-model/BASE"` */
void custom_append_base_arn(struct buf *out, const char *name, struct str region, struct str base);

#endif
