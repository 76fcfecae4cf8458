/* logged.c - says for the invocation log what a request was. What is made of it is src/invocations'. See logged.h. */
#include "api/logged.h"

#include "chat/traits.h"

#define METADATA_TEXT_MAX (1u << 20)

struct invocation *logged_begin(const struct api_call *call)
{
    struct invocations *invocations = call->thread->api->invocations;
    return invocations ? invocation_begin(invocations, str_of(call->identity.tenant), str_of(call->identity.account),
                                          str_of(call->identity.region))
                       : NULL;
}

void logged_input(struct invocation *invocation, const struct api_call *call)
{
    invocation_add_input(invocation, call->exchange->request.body);
}

void logged_event(struct invocation *invocation, const struct dialect_framing *framing, struct str type,
                  struct str payload)
{
    invocation_add_event(invocation, framing->names_logged_events ? type : STR(""), payload);
}

/* Kinds of data in the input besides text. */
static unsigned carried(const struct chat_request *request)
{
    const uint32_t files = CHAT_NEED_IMAGES | CHAT_NEED_FILES_ELSEWHERE | CHAT_NEED_FILES_UNREAD;
    unsigned kinds = 0;
    if ((request->needs & files) || request->document_count > 0)
        kinds |= SETTINGS_IMAGES;
    if (request->needs & CHAT_NEED_VIDEO)
        kinds |= SETTINGS_VIDEO;
    if (request->needs & CHAT_NEED_AUDIO)
        kinds |= SETTINGS_AUDIO;
    return kinds;
}

static bool append_metadata(struct buf *out, const struct chat_request *request)
{
    for (size_t i = 0; i < request->metadata_count; i++) {
        buf_append_char(out, i ? ',' : '{');
        buf_append_json(out, request->metadata[i].key);
        buf_append_char(out, ':');
        buf_append_json(out, request->metadata[i].value);
    }
    return request->metadata_count == 0 || buf_append_char(out, '}');
}

void logged_end(struct invocation *invocation, const struct api_call *call, const struct chat_request *request,
                bool is_read, const char *error_name)
{
    struct buf metadata;
    buf_init(&metadata, METADATA_TEXT_MAX);
    if (is_read && !append_metadata(&metadata, request))
        buf_clear(&metadata);
    logged_input(invocation, call);
    const struct invocation_facts facts = {
        .request_id = str_of(call->request_id),
        .operation = str_of(call->operation->name),
        .model_id = call->resource,
        .content_type = http_header_get(&call->exchange->request, "content-type"),
        .metadata = buf_str(&metadata),
        .error_code = str_of(error_name),
        .is_regional = call->has_match && call->match.place.len > 0,
        .carries = carried(request),
        .is_read = is_read,
        .input_tokens = call->usage.input_tokens,
        .output_tokens = call->usage.output_tokens,
        .cache_read_tokens = call->usage.cache_read_tokens,
        .cache_write_tokens = call->usage.cache_write_tokens,
    };
    invocation_end(invocation, &facts);
    buf_deinit(&metadata);
}
