/* What requests need, compared with what targets take. */
#include "chat/traits.h"

#include "core/limits.h"

const struct chat_traits chat_traits_embedded = {.takes = CHAT_NEEDS_VERBATIM};

enum error_code chat_request_need(struct chat_request *request, enum chat_need need, const char *message,
                                  struct error *error)
{
    if (request->needs & need)
        return OK;
    struct chat_refusal *refusal = ARENA_NEW(request->arena, struct chat_refusal);
    if (!refusal)
        return error_no_memory(error);
    *refusal = (struct chat_refusal){.need = need, .message = message};
    *(request->last_refusal ? &request->last_refusal->next : &request->refusals) = refusal;
    request->last_refusal = refusal;
    request->needs |= need;
    return OK;
}

enum error_code chat_request_extra(struct chat_request *request, const char *where, struct str name, yyjson_val *raw,
                                   struct error *error)
{
    if (request->extra_count == LIMIT_EXTRAS) {
        request->is_extra_lost = true;
        return OK;
    }
    struct chat_extra *extra = ARENA_NEW(request->arena, struct chat_extra);
    if (!extra)
        return error_no_memory(error);
    *extra = (struct chat_extra){.where = where, .name = name, .raw = raw};
    *(request->last_extra ? &request->last_extra->next : &request->extras) = extra;
    request->last_extra = extra;
    request->extra_count++;
    return OK;
}

static uint32_t taken_of(const struct chat_request *request, const struct chat_traits *traits)
{
    const bool is_foreign = traits->dialect && traits->dialect != request->origin;
    return is_foreign ? traits->takes & ~(uint32_t)CHAT_NEEDS_DIALECT : traits->takes;
}

enum error_code chat_request_fits(const struct chat_request *request, const struct chat_traits *traits,
                                  struct error *error)
{
    uint32_t missing = request->needs & ~taken_of(request, traits);
    if (missing == 0)
        return OK;
    const struct chat_refusal *refusal = request->refusals;
    while (!(refusal->need & missing))
        refusal = refusal->next;
    return error_set(error, ERROR_INVALID, "%s", refusal->message);
}

void chat_request_goes_to(const struct chat_request *request, const struct chat_traits *traits)
{
    if (request->ignored)
        request->ignored->taken = taken_of(request, traits);
}
