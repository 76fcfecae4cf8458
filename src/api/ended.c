/* Bodies of families whose models the service has ended: refused by that. */
#include "api/fields.h"
#include "api/native.h"

static enum error_code parse(struct str body, enum codec_use use, struct chat_request *request, struct error *error)
{
    (void)body, (void)use;
    return error_set(error, ERROR_INVALID,
                     "modelId: the service has ended the models of this family, and their body of InvokeModel is not "
                     "read here; send " STR_FMT " through Converse",
                     STR_ARG(str_slice(request->model_id, 0, 128)));
}

const struct codec ended_codec = {.name = "ended", .parse = parse};
