/* call.c - see call.h. All there is to do with a request (unpacking, reading, the handler, writing) happens in one
 * piece of work beside the I/O thread: small questions may read many rows. */
#include "api/monitoring/call.h"

#include <zlib.h>

#include "api/fields.h"
#include "api/monitoring/cbor.h"
#include "api/monitoring/form.h"
#include "api/monitoring/protocol.h"
#include "api/offload.h"
#include "core/json.h"
#include "core/limits.h"
#include "store/disk.h"

#define JSON_PER_BYTE 8 /* text of a document that came as CBOR or a form, for each byte there */

struct monitoring_work {
    struct api_call *call;
    enum monitoring_protocol protocol;
    struct monitoring_request request;
    struct form form; /* of a query */
    struct arena arena; /* of all that is made */
    struct buf body;
    enum error_code code;
    struct error error;
    struct offload offload;
};

/* --- the document ----------------------------------------------------------------------------------- */

static bool is_packed(const struct http_request *request)
{
    return str_eq_nocase(str_trim(http_header_get(request, "content-encoding")), STR("gzip"));
}

static enum error_code inflate_all(z_stream *stream, struct buf *out, struct error *error)
{
    char piece[16384];
    int result = Z_OK;
    while (result == Z_OK) {
        stream->next_out = (Bytef *)piece;
        stream->avail_out = sizeof(piece);
        result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_OK || result == Z_STREAM_END)
            buf_append(out, piece, sizeof(piece) - stream->avail_out);
        if (out->failed)
            return error_set(error, ERROR_TOO_LARGE, "The body is larger than %zu bytes when it is unpacked.",
                             out->max);
    }
    return result == Z_STREAM_END ? OK : error_set(error, ERROR_INVALID, "The body is not packed by gzip, or damaged.");
}

static enum error_code unpack(struct str packed, struct buf *out, struct error *error)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data, .avail_in = (uInt)packed.len};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return error_no_memory(error);
    const enum error_code code = inflate_all(&stream, out, error);
    (void)inflateEnd(&stream);
    return code;
}

static enum error_code serialization(struct monitoring_work *work)
{
    if (work->error.code == ERROR_INVALID && !work->request.fault)
        work->request.fault = FAULT_SERIALIZATION;
    return work->error.code;
}

/* Whatever it came as, as JSON. */
static enum error_code to_json(struct monitoring_work *work, struct str body, struct buf *json)
{
    if (work->protocol == MONITORING_CBOR)
        return cbor_read(body, json, &work->error);
    if (work->protocol == MONITORING_QUERY)
        return form_read(&work->form, work->request.operation->input, &work->arena, json, &work->error);
    return buf_append_str(json, str_trim(body).len ? body : STR("{}")) ? OK : error_no_memory(&work->error);
}

static enum error_code check(struct monitoring_work *work)
{
    bool is_missing;
    const enum error_code code = shape_check(work->request.operation->input, work->request.input, &is_missing,
                                             &work->error);
    if (code == ERROR_INVALID && is_missing)
        work->request.fault = FAULT_MISSING_PARAMETER;
    return code == OK ? OK : serialization(work);
}

/* --- the work --------------------------------------------------------------------------------------- */

static enum error_code handle(struct monitoring_work *work, yyjson_doc *doc)
{
    const yyjson_alc alc = fields_arena_alc(&work->arena);
    struct monitoring_request *request = &work->request;
    request->input = yyjson_doc_get_root(doc);
    request->reply = yyjson_mut_doc_new(&alc);
    request->output = request->reply ? yyjson_mut_obj(request->reply) : NULL;
    if (!request->output)
        return error_no_memory(&work->error);
    enum error_code code = check(work);
    if (code == OK && request->operation->changes)
        code = disk_check(&work->error);
    if (code == OK)
        code = request->operation->handle(request, &work->error);
    if (code != OK)
        return code;
    monitoring_append_reply(&work->body, work->protocol, request->operation, request->output, work->call->request_id);
    return work->body.failed ? error_no_memory(&work->error) : OK;
}

static enum error_code work_on(struct monitoring_work *work, struct str body)
{
    struct buf json;
    yyjson_doc *doc = NULL;
    buf_init(&json, body.len * JSON_PER_BYTE + 4096);
    enum error_code code = to_json(work, body, &json);
    if (code == OK)
        code = json_parse(buf_str(&json), &doc, &work->error);
    code = code == OK ? handle(work, doc) : serialization(work);
    json_free(doc);
    buf_deinit(&json);
    return code;
}

static void run(void *ctx)
{
    struct monitoring_work *work = ctx;
    const struct http_request *request = &work->call->exchange->request;
    struct buf unpacked;
    if (!is_packed(request) || work->protocol == MONITORING_QUERY) {
        work->code = work_on(work, request->body);
        return;
    }
    buf_init(&unpacked, (size_t)limit(monitoring_body_bytes));
    work->code = unpack(request->body, &unpacked, &work->error);
    work->code = work->code == OK ? work_on(work, buf_str(&unpacked)) : serialization(work);
    buf_deinit(&unpacked);
}

/* --- the reply -------------------------------------------------------------------------------------- */

static void add_protocol_header(struct monitoring_work *work)
{
    if (work->protocol == MONITORING_CBOR)
        call_add_header(work->call, "smithy-protocol", STR("rpc-v2-cbor"));
}

/* The one place where a handler's error gets its name. */
static void fail(struct monitoring_work *work, struct buf *body)
{
    struct api_call *call = work->call;
    const struct monitoring_error *error = monitoring_error_of(work->request.fault, work->code);
    const char *message = work->request.fault ? work->error.message : dialect_message(call->dialect, &work->error);
    if (error->status >= 500)
        log_event(LOG_ERROR, "request failed", LOG_C("id", call->request_id), LOG_C("error", work->error.message));
    if (work->protocol != MONITORING_QUERY)
        call_add_header(call, "x-amzn-query-error",
                        arena_printf(&call->exchange->arena, "%s;%s", error->code,
                                     error->status < 500 ? "Sender" : "Receiver"));
    if (error->status == 503)
        call_add_header(call, "retry-after", STR("1"));
    buf_clear(body);
    monitoring_append_error(body, work->protocol, error, str_of(message), call->request_id);
    add_protocol_header(work);
    call_respond(call, error->status, str_of(monitoring_content_type(work->protocol)), buf_str(body));
}

static void done(void *ctx, bool is_gone)
{
    struct monitoring_work *work = ctx;
    struct buf body = work->body;
    struct arena arena = work->arena; /* the exchange, and `work` in it, are gone once it is answered */
    if (is_gone) {
        call_account(work->call, CALL_CLIENT_GONE);
    } else if (work->code != OK) {
        fail(work, &body);
    } else {
        add_protocol_header(work);
        call_respond(work->call, 200, str_of(monitoring_content_type(work->protocol)), buf_str(&body));
    }
    buf_deinit(&body);
    arena_deinit(&arena);
}

static struct monitoring_work *work_of(struct api_call *call)
{
    struct monitoring_work *work = CALL_NEW(call, struct monitoring_work);
    if (!work)
        return NULL;
    work->call = call;
    work->protocol = monitoring_protocol_of(call->dialect);
    work->request = (struct monitoring_request){
        .operation = monitoring_operation_find(str_of(call->operation->name)),
        .api = call->thread->api,
        .tenant = str_of(call->identity.tenant),
        .account = call->identity.account,
        .region = call->identity.region,
        .now_us = clock_wall_us(),
        .arena = &work->arena,
    };
    arena_init(&work->arena, (size_t)limit(monitoring_reply_bytes));
    buf_init(&work->body, (size_t)limit(monitoring_reply_bytes));
    return work;
}

static void begin(struct monitoring_work *work)
{
    const struct monitoring_operation *operation = work->request.operation;
    if (operation && operation->handle)
        offload_start(&work->offload, work->call->exchange, run, done, work);
    else
        call_refuse(work->call, 404,
                    "This operation of CloudWatch is not served here; docs/MONITORING.md lists what is.", NULL);
}

void monitoring_call(struct api_call *call)
{
    struct monitoring_work *work = work_of(call);
    if (work)
        begin(work);
}

/* --- queries ---------------------------------------------------------------------------------------- */

bool monitoring_form_is_meant(struct str form)
{
    struct str pair;
    while (str_split(&form, '&', &pair))
        if (str_eq(pair, STR("Version=2010-08-01")))
            return true;
    return false;
}

/* A query in the target and a form in the body are one. */
static struct str whole_form(struct api_call *call)
{
    const struct http_request *request = &call->exchange->request;
    if (request->query.len == 0 || request->body.len == 0)
        return request->body.len ? request->body : request->query;
    return arena_printf(&call->exchange->arena, STR_FMT "&" STR_FMT, STR_ARG(request->query), STR_ARG(request->body));
}

void monitoring_query(struct api_call *call)
{
    struct error error;
    struct form form;
    call->dialect = monitoring_dialects[MONITORING_QUERY];
    const struct auth_question question = call_question(call);
    if (auth_identify(&question, &call->exchange->request, &call->identity, &error) != OK ||
        form_parse(whole_form(call), &call->exchange->arena, &form, &error) != OK) {
        call_fail(call, &error);
        return;
    }
    const struct str action = form_get(&form, "Action");
    const struct api_operation *row = monitoring_row(action, &call->operation_index);
    if (!row) {
        const struct str message = arena_printf(&call->exchange->arena, "Could not find operation " STR_FMT
                                                " for version 2010-08-01; docs/MONITORING.md lists what is served.",
                                                STR_ARG(str_slice(action, 0, 128)));
        call_refuse(call, 404, message.data ? message.data : "Could not find the operation.", NULL);
        return;
    }
    call->operation = row;
    struct monitoring_work *work = work_of(call);
    if (!work)
        return;
    work->form = form;
    begin(work);
}
