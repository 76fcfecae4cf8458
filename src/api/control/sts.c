/* The token service's GetCallerIdentity, which tools ask to see whether their
 * credentials are any good: the query protocol, a form or a query in, XML out.
 * It has no path of its own: what comes to / and names an Action is meant. */
#include "api/control/sts.h"

#include <assert.h>

#include "api/bedrock/dialect.h"
#include "api/call.h"
#include "api/monitoring/call.h"
#include "core/xml.h"

#define STS_TYPE "text/xml"
#define STS_BODY_MAX 65536
#define STS_FORM_MAX 65536
#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"

static struct dialect_error of_code(enum error_code code)
{
    (void)code; /* nothing that can fail here is the caller's fault but who they are */
    return (struct dialect_error){500, "InternalFailure"};
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    static const struct dialect_error names[] = {
        [AUTH_MISSING] = {403, "MissingAuthenticationToken"},
        [AUTH_INCOMPLETE] = {400, "IncompleteSignature"},
        [AUTH_UNKNOWN_KEY] = {403, "InvalidClientTokenId"},
        [AUTH_BAD_SIGNATURE] = {403, "SignatureDoesNotMatch"},
        [AUTH_EXPIRED] = {403, "SignatureDoesNotMatch"},
        [AUTH_DENIED] = {403, "AccessDenied"},
    };
    assert(problem != AUTH_OK);
    return names[problem];
}

static const char *of_status(int status)
{
    return status < 500 ? "InvalidAction" : "InternalFailure";
}

static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    buf_append_text(out, "<ErrorResponse xmlns=\"" STS_NAMESPACE "\"><Error>");
    xml_append(out, "Type", error->status < 500 ? STR("Sender") : STR("Receiver"));
    xml_append(out, "Code", str_of(error->name));
    xml_append(out, "Message", message);
    buf_append_text(out, "</Error>");
    xml_append(out, "RequestId", str_of(request_id));
    return buf_append_text(out, "</ErrorResponse>");
}

static const struct dialect sts_dialect = {
    .name = "sts",
    .id_header = "x-amzn-requestid",
    .error_type = STS_TYPE,
    .no_memory = STR(""),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
};

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
    call_respond(call, body.failed ? 500 : 200, STR(STS_TYPE), body.failed ? STR("") : buf_str(&body));
    buf_deinit(&body);
}

/* Somebody who typed the server's address. */
static bool is_browser(const struct http_request *request)
{
    return str_eq(request->method, STR("GET")) && request->query.len == 0 &&
           str_find(http_header_get(request, "accept"), STR("text/html"), 0) >= 0;
}

static void sts_query(struct api_call *call)
{
    const struct http_request *request = &call->exchange->request;
    if (monitoring_form_is_meant(request->query) || monitoring_form_is_meant(request->body)) {
        monitoring_query(call);
        return;
    }
    struct str action = action_of(call);
    struct error error;
    if (!action.data && is_browser(request)) {
        call_add_header(call, "location", STR("/console"));
        call_respond(call, 303, STR("text/plain; charset=utf-8"), STR("The console is at /console.\n"));
        return;
    }
    if (!action.data) {
        call->dialect = &bedrock_dialect; /* somebody else's request, at no path */
        call_refuse(call, 404, "There is no operation at this path.", NULL);
        return;
    }
    const struct auth_question question = call_question(call);
    if (auth_identify(&question, &call->exchange->request, &call->identity, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    if (str_eq(action, STR("GetCallerIdentity"))) {
        answer(call);
        return;
    }
    struct str message = arena_printf(&call->exchange->arena,
                                      "Could not find operation " STR_FMT "; GetCallerIdentity alone is served here.",
                                      STR_ARG(str_slice(action, 0, 128)));
    call_refuse(call, 400, message.data ? message.data : "Could not find the operation.", NULL);
}

/* It asks for credentials itself, once it knows that it is meant. */
static const struct api_operation rows[] = {
    {"POST", "/", "GetCallerIdentity", .handle = sts_query, .is_open = true},
    {"GET", "/", "GetCallerIdentity", .handle = sts_query, .is_open = true},
};

const struct operations_table sts_operations = {
    .dialect = &sts_dialect, .prefix = "", .rows = rows, .count = sizeof(rows) / sizeof(rows[0])};
