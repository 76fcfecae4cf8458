/* protocol.c - see protocol.h. Errors are one table; the dialects of the pipeline, which speak where no handler was
 * reached, write from it too. */
#include "api/monitoring/protocol.h"

#include <assert.h>

#include "api/call.h"
#include "api/monitoring/call.h"
#include "api/monitoring/cbor.h"
#include "api/monitoring/xml_reply.h"
#include "core/json.h"
#include "core/xml.h"

#define SERVICE "GraniteServiceVersion20100801"
#define CBOR_PATH "/service/" SERVICE "/operation/"
#define NAMESPACE "http://monitoring.amazonaws.com/doc/2010-08-01/"
#define TYPE_PREFIX "com.amazonaws.cloudwatch#"

/* --- errors ----------------------------------------------------------------------------------------- */

static const struct monitoring_error faults[FAULTS] = {
    [FAULT_PARAMETER_VALUE] = {400, "InvalidParameterValue", "InvalidParameterValueException"},
    [FAULT_PARAMETER_COMBINATION] = {400, "InvalidParameterCombination", "InvalidParameterCombinationException"},
    [FAULT_MISSING_PARAMETER] = {400, "MissingParameter", "MissingRequiredParameterException"},
    [FAULT_NEXT_TOKEN] = {400, "InvalidNextToken", "InvalidNextToken"},
    [FAULT_FORMAT] = {400, "InvalidFormat", "InvalidFormatFault"},
    [FAULT_LIMIT] = {400, "LimitExceeded", "LimitExceededFault"},
    [FAULT_VALIDATION] = {400, "ValidationError", "ValidationException"},
    [FAULT_NOT_FOUND] = {404, "ResourceNotFound", "ResourceNotFound"},
    [FAULT_DASHBOARD_NOT_FOUND] = {404, "ResourceNotFound", "DashboardNotFoundError"},
    [FAULT_DASHBOARD_INVALID] = {400, "InvalidParameterInput", "DashboardInvalidInputError"},
    [FAULT_SERIALIZATION] = {400, "SerializationException", "SerializationException"},
    [FAULT_THROTTLED] = {400, "Throttling", "ThrottlingException"},
    [FAULT_UNAVAILABLE] = {503, "ServiceUnavailable", "ServiceUnavailableException"},
    [FAULT_INTERNAL] = {500, "InternalServiceError", "InternalServiceFault"},
};

static enum monitoring_fault fault_of(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
    case ERROR_CONFLICT:
    case ERROR_DENIED: return FAULT_PARAMETER_VALUE;
    case ERROR_TOO_LARGE:
    case ERROR_TAGS:
    case ERROR_QUOTA: return FAULT_LIMIT;
    case ERROR_NOT_FOUND: return FAULT_NOT_FOUND;
    case ERROR_THROTTLED:
    case ERROR_NOT_READY: return FAULT_THROTTLED;
    case ERROR_UNAVAILABLE:
    case ERROR_TIMEOUT: return FAULT_UNAVAILABLE;
    default: return FAULT_INTERNAL;
    }
}

const struct monitoring_error *monitoring_error_of(enum monitoring_fault fault, enum error_code code)
{
    assert(fault < FAULTS);
    return &faults[fault ? fault : fault_of(code)];
}

/* Names that no shape has (of who asks, of operations) are the same in all protocols. */
static bool append_document_error(struct buf *out, enum monitoring_protocol protocol, const char *shape,
                                  bool has_prefix, struct str message)
{
    char type[128];
    const int len = snprintf(type, sizeof(type), "%s%s", has_prefix ? TYPE_PREFIX : "", shape);
    if (len < 0 || (size_t)len >= sizeof(type))
        return false;
    if (protocol == MONITORING_JSON) {
        buf_append_text(out, "{\"__type\":");
        buf_append_json(out, str_of(type));
        json_append_member(out, "message", message);
        return buf_append_char(out, '}');
    }
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    const bool is_built = root && yyjson_mut_obj_add_str(doc, root, "__type", type) &&
                          yyjson_mut_obj_add_strn(doc, root, "message", message.data, message.len);
    if (is_built)
        cbor_append(out, NULL, root);
    yyjson_mut_doc_free(doc);
    return is_built && !out->failed;
}

static bool append_xml_error(struct buf *out, int status, const char *code, struct str message, const char *request_id)
{
    buf_append_text(out, "<ErrorResponse xmlns=\"" NAMESPACE "\"><Error>");
    xml_append(out, "Type", status < 500 ? STR("Sender") : STR("Receiver"));
    xml_append(out, "Code", str_of(code));
    xml_append(out, "Message", message);
    buf_append_text(out, "</Error>");
    xml_append(out, "RequestId", str_of(request_id));
    return buf_append_text(out, "</ErrorResponse>");
}

void monitoring_append_error(struct buf *out, enum monitoring_protocol protocol, const struct monitoring_error *error,
                             struct str message, const char *request_id)
{
    if (protocol == MONITORING_QUERY)
        (void)append_xml_error(out, error->status, error->code, message, request_id);
    else
        (void)append_document_error(out, protocol, error->shape, true, message);
}

/* --- dialects --------------------------------------------------------------------------------------- */

static struct dialect_error of_code(enum error_code code)
{
    const struct monitoring_error *error = monitoring_error_of(FAULT_NONE, code);
    return (struct dialect_error){error->status, error->code};
}

static struct dialect_error of_auth(enum auth_problem problem)
{
    static const struct dialect_error names[] = {
        [AUTH_MISSING] = {403, "MissingAuthenticationToken"},
        [AUTH_INCOMPLETE] = {400, "IncompleteSignature"},
        [AUTH_UNKNOWN_KEY] = {403, "InvalidClientTokenId"},
        [AUTH_BAD_SIGNATURE] = {403, "SignatureDoesNotMatch"},
        [AUTH_EXPIRED] = {403, "RequestExpired"},
        [AUTH_DENIED] = {403, "AccessDenied"},
    };
    assert(problem != AUTH_OK);
    return names[problem];
}

static const char *of_status(int status)
{
    return status == 404 || status == 405 ? "InvalidAction" : status < 500 ? "ValidationError" : "InternalServiceError";
}

static bool append_json_error(struct buf *out, const struct dialect_error *error, struct str message,
                              const char *request_id)
{
    (void)request_id;
    return append_document_error(out, MONITORING_JSON, error->name, false, message);
}

static bool append_cbor_error(struct buf *out, const struct dialect_error *error, struct str message,
                              const char *request_id)
{
    (void)request_id;
    return append_document_error(out, MONITORING_CBOR, error->name, false, message);
}

static bool append_query_error(struct buf *out, const struct dialect_error *error, struct str message,
                               const char *request_id)
{
    return append_xml_error(out, error->status, error->name, message, request_id);
}

#define DIALECT(type, body, append)                                                                             \
    {.name = "monitoring", .id_header = "x-amzn-requestid", .name_header = NULL, .error_type = (type),          \
     .no_memory = STR(body), .of_code = of_code, .of_auth = of_auth, .of_status = of_status, .append_error = (append)}

static const struct dialect json_dialect = DIALECT("application/x-amz-json-1.0", "{}", append_json_error);
static const struct dialect cbor_dialect = DIALECT("application/cbor", "\xa0", append_cbor_error);
static const struct dialect query_dialect = DIALECT("text/xml", "", append_query_error);

const struct dialect *const monitoring_dialects[MONITORING_PROTOCOLS] = {
    [MONITORING_JSON] = &json_dialect, [MONITORING_CBOR] = &cbor_dialect, [MONITORING_QUERY] = &query_dialect};

enum monitoring_protocol monitoring_protocol_of(const struct dialect *dialect)
{
    return dialect == &cbor_dialect ? MONITORING_CBOR : dialect == &query_dialect ? MONITORING_QUERY : MONITORING_JSON;
}

const char *monitoring_content_type(enum monitoring_protocol protocol)
{
    return monitoring_dialects[protocol]->error_type;
}

/* --- replies ---------------------------------------------------------------------------------------- */

static void append_xml_reply(struct buf *out, const struct monitoring_operation *operation, yyjson_mut_val *output,
                             const char *request_id)
{
    buf_appendf(out, "<%sResponse xmlns=\"" NAMESPACE "\">", operation->name);
    if (operation->output) {
        buf_appendf(out, "<%sResult>", operation->name);
        xml_reply_append(out, operation->output, output);
        buf_appendf(out, "</%sResult>", operation->name);
    }
    buf_append_text(out, "<ResponseMetadata>");
    xml_append(out, "RequestId", str_of(request_id));
    buf_appendf(out, "</ResponseMetadata></%sResponse>", operation->name);
}

static void append_json_reply(struct buf *out, yyjson_mut_val *output)
{
    size_t len;
    char *text = yyjson_mut_val_write(output, 0, &len);
    if (text)
        buf_append(out, text, len);
    out->failed = out->failed || !text;
    free(text); /* lint: allow(memory) yyjson's own */
}

void monitoring_append_reply(struct buf *out, enum monitoring_protocol protocol,
                             const struct monitoring_operation *operation, yyjson_mut_val *output,
                             const char *request_id)
{
    switch (protocol) {
    case MONITORING_QUERY: append_xml_reply(out, operation, output, request_id); break;
    case MONITORING_CBOR: cbor_append(out, operation->output, output); break;
    default: append_json_reply(out, output);
    }
}

/* --- operations ------------------------------------------------------------------------------------- */

/* The rows of service.h's table as the pipeline counts and names them; where they lie is CBOR's path for each. The last
 * is that of queries, whose operation their body names: they ask for credentials themselves, once it is there. */
#define ROW(operation)                                                                                          \
    {.method = "POST", .pattern = CBOR_PATH operation, .name = operation, .handle = monitoring_call}

static const struct api_operation rows[] = {
    ROW("GetMetricData"),
    ROW("GetMetricStatistics"),
    ROW("ListMetrics"),
    ROW("PutMetricData"),
    ROW("PutMetricAlarm"),
    ROW("DescribeAlarms"),
    ROW("DescribeAlarmsForMetric"),
    ROW("DescribeAlarmHistory"),
    ROW("SetAlarmState"),
    ROW("DeleteAlarms"),
    ROW("EnableAlarmActions"),
    ROW("DisableAlarmActions"),
    ROW("PutDashboard"),
    ROW("GetDashboard"),
    ROW("ListDashboards"),
    ROW("DeleteDashboards"),
    ROW("TagResource"),
    ROW("UntagResource"),
    ROW("ListTagsForResource"),
    {.method = "POST", .pattern = CBOR_PATH, .name = "MonitoringQuery", .handle = monitoring_query, .is_open = true},
};

const struct operations_table monitoring_table = {
    .dialect = &cbor_dialect, .prefix = CBOR_PATH, .rows = rows, .count = sizeof(rows) / sizeof(rows[0])};

const struct api_operation *monitoring_row(struct str name, size_t *index)
{
    char path[128];
    const int len = snprintf(path, sizeof(path), CBOR_PATH STR_FMT, STR_ARG(name));
    if (name.len == 0 || len < 0 || (size_t)len >= sizeof(path))
        return NULL;
    const struct operations_match match = operations_find(STR("POST"), (struct str){path, (size_t)len});
    *index = match.index;
    return match.operation;
}

/* A name that no row has becomes a refusal in the protocol's own words. */
static void match_name(struct operations_match *match, enum monitoring_protocol protocol, struct str name)
{
    *match = (struct operations_match){.dialect = monitoring_dialects[protocol]};
    match->operation = monitoring_row(name, &match->index);
    if (!match->operation)
        match->absent = "This operation of CloudWatch";
}

bool monitoring_match(const struct http_request *request, struct str scope, struct operations_match *match)
{
    const bool is_root = str_eq(request->path, STR("/"));
    const struct str target = is_root ? http_header_get(request, "x-amz-target") : STR("");
    if (str_starts(request->path, STR(CBOR_PATH))) {
        match_name(match, MONITORING_CBOR, str_slice(request->path, sizeof(CBOR_PATH) - 1, request->path.len));
        return true;
    }
    if (is_root && str_starts(target, STR(SERVICE "."))) {
        match_name(match, MONITORING_JSON, str_slice(target, sizeof(SERVICE), target.len));
        return true;
    }
    if (!str_eq(scope, STR("monitoring")))
        return false;
    match_name(match, MONITORING_QUERY, STR(""));
    if (!is_root)
        return true;
    *match = operations_find(STR("POST"), STR(CBOR_PATH));
    match->dialect = &query_dialect;
    return true;
}
