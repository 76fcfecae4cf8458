/* embed.h - every operation that asks a model for embeddings: from the HTTP request to a work (generate/work.h) and
 * back. What makes one differ from another is the format of its bodies. */
#ifndef API_EMBED_H
#define API_EMBED_H

#include "api/call.h"

struct embed_reply {
    struct str model_id; /* as asked for; behind a router that of the model that answers */
    const struct embeddings *embeddings;
};

struct embed_format {
    /* Sets request->embed, whose inputs lie in the document or the request's arena; request->body is the root. */
    enum error_code (*parse)(yyjson_val *root, struct chat_request *request, struct error *error);
    bool (*write)(const struct chat_request *request, const struct embed_reply *reply, struct buf *out);
};

void embed_run(struct api_call *call, const struct embed_format *format);

/* --- for formats; any thread --- */

/* The input of that number, a string or tokens, at the path. ERROR_INVALID: it is neither, or empty. */
enum error_code embed_parse_input(yyjson_val *value, const char *where, struct arena *arena, struct embed_input *input,
                                  struct error *error) WARN_UNUSED;
void embed_append_numbers(struct buf *out, const float *values, uint32_t width); /* "[0.1,-0.2]" */
void embed_append_base64(struct buf *out, const float *values, uint32_t width);  /* with its quotes */

#endif
