/* The token service's GetCallerIdentity, which tools ask to see whether their
 * credentials are any good: the query protocol, a form or a query in, XML out.
 * It has no path of its own: what comes to / and names an Action is meant. */
#include "api/call.h"

#include "core/xml.h"

#define STS_BODY_MAX 65536
#define STS_FORM_MAX 65536
#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"

static void respond(struct api_call *call, int status, const struct buf *body)
{
    struct str text = body->failed ? STR("") : buf_str(body);
    call_respond(call, body->failed ? 500 : status, STR("text/xml"), text);
}

static void refuse(struct api_call *call, int status, const char *code, struct str message)
{
    struct buf body;
    buf_init(&body, STS_BODY_MAX);
    buf_append_text(&body, "<ErrorResponse xmlns=\"" STS_NAMESPACE "\"><Error>");
    xml_append(&body, "Type", status < 500 ? STR("Sender") : STR("Receiver"));
    xml_append(&body, "Code", str_of(code));
    xml_append(&body, "Message", message);
    buf_append_text(&body, "</Error>");
    xml_append(&body, "RequestId", str_of(call->request_id));
    buf_append_text(&body, "</ErrorResponse>");
    respond(call, status, &body);
    buf_deinit(&body);
}

/* The value of a form's field, decoded; data NULL without. */
static struct str form_get(struct api_call *call, struct str form, struct str name)
{
    struct str field, value = {NULL, 0};
    while (str_split(&form, '&', &field)) {
        struct str key;
        if (!str_split(&field, '=', &key) || !str_eq(key, name))
            continue;
        if (!http_percent_decode(field.data ? field : STR(""), &call->exchange->arena, &value))
            value = (struct str){NULL, 0};
        return value;
    }
    return value;
}

static struct str action_of(struct api_call *call)
{
    struct str action = http_query_get(call->exchange, "Action");
    struct str body = call->exchange->request.body;
    return action.data || body.len > STS_FORM_MAX ? action : form_get(call, body, STR("Action"));
}

/* False: answered already. */
static bool identify(struct api_call *call)
{
    static const struct {
        int status;
        const char *code;
    } names[] = {
        [AUTH_OK] = {500, "InternalFailure"},
        [AUTH_MISSING] = {403, "MissingAuthenticationToken"},
        [AUTH_INCOMPLETE] = {400, "IncompleteSignature"},
        [AUTH_UNKNOWN_KEY] = {403, "InvalidClientTokenId"},
        [AUTH_BAD_SIGNATURE] = {403, "SignatureDoesNotMatch"},
        [AUTH_EXPIRED] = {403, "SignatureDoesNotMatch"},
        [AUTH_DENIED] = {403, "AccessDenied"},
    };
    struct error error;
    if (auth_identify(call->thread->api->config, &call->exchange->request, clock_wall_us(), &call->identity, &error) ==
        OK)
        return true;
    refuse(call, names[call->identity.problem].status, names[call->identity.problem].code, str_of(error.message));
    return false;
}

static void answer(struct api_call *call)
{
    struct buf body;
    struct str tenant = str_of(call->identity.tenant);
    struct arena *arena = &call->exchange->arena;
    struct str arn = arena_printf(arena, "arn:aws:iam::%s:user/%s", call->identity.account, call->identity.tenant);
    struct str user = arena_printf(arena, "AIDA%016llX", (unsigned long long)str_hash(tenant));
    buf_init(&body, STS_BODY_MAX);
    buf_append_text(&body, "<GetCallerIdentityResponse xmlns=\"" STS_NAMESPACE "\"><GetCallerIdentityResult>");
    xml_append(&body, "Arn", arn);
    xml_append(&body, "UserId", user);
    xml_append(&body, "Account", str_of(call->identity.account));
    buf_append_text(&body, "</GetCallerIdentityResult><ResponseMetadata>");
    xml_append(&body, "RequestId", str_of(call->request_id));
    buf_append_text(&body, "</ResponseMetadata></GetCallerIdentityResponse>");
    respond(call, 200, &body);
    buf_deinit(&body);
}

void sts_query(struct api_call *call)
{
    struct str action = action_of(call);
    if (!action.data) {
        call_refuse(call, 404, "UnknownOperationException", "There is no operation at this path.");
        return;
    }
    if (!identify(call))
        return;
    if (str_eq(action, STR("GetCallerIdentity"))) {
        answer(call);
        return;
    }
    struct str message = arena_printf(&call->exchange->arena,
                                      "Could not find operation " STR_FMT "; GetCallerIdentity alone is served here.",
                                      STR_ARG(str_slice(action, 0, 128)));
    refuse(call, 400, "InvalidAction", message.data ? message : STR("Could not find the operation."));
}
