/* embed.c - see embed.h. Large bodies and large answers are read and written on another thread (body.h). */
#include "api/embed.h"

#include "api/body.h"
#include "api/genai.h"
#include "api/recent.h"
#include "api/traced.h"
#include "core/json.h"
#include "generate/work.h"

#define REPLY_BODY_MAX (512u << 20)
#define INLINE_VALUES_MAX 16384u /* of an answer that is written on the I/O thread */

struct embedding {
    struct api_call *call; /* in the exchange's arena, as this is */
    const struct embed_format *format;
    struct traced *traced; /* NULL: traces are off */
    struct body step;
    struct chat_request request;
    struct work *work; /* NULL until the body is parsed */
    struct embeddings made;
    float *values; /* of `made` */
    struct buf out;
    bool is_read, is_placed, has_line;
};

/* --- the end ---------------------------------------------------------------------------------------- */

static void release(struct embedding *embedding, enum ledger_outcome outcome)
{
    work_end(embedding->work, outcome);
    embedding->work = NULL;
    codec_request_free(&embedding->request);
    mem_free(embedding->values);
    embedding->values = NULL;
    buf_deinit(&embedding->out);
}

/* To all that keep something of requests, before release. NULL: it went well. */
static void tell_end(struct embedding *embedding, int status, const char *error_name)
{
    struct api_call *call = embedding->call;
    const struct placement *placement = embedding->is_placed ? work_placement(embedding->work) : NULL;
    const struct metrics_genai_request observed = {
        .operation = genai_operation(&embedding->request),
        .provider = genai_provider(call->dialect),
        .model_asked = call->has_match ? call->match.id : STR(""),
        .model = placement ? placement->answered.name : "",
        .error = error_name ? error_name : "",
        .duration_us = clock_now_us() - call->exchange->request.started_us,
    };
    const struct traced_end end = {.request = &embedding->request, .is_read = embedding->is_read,
                                   .placement = placement, .error = error_name, .status = status};
    metrics_genai_observe(&call->thread->genai, &observed);
    recents_note(call->thread->api->recents, call);
    if (embedding->traced)
        traced_end(embedding->traced, call, &end);
}

static void leave(struct embedding *embedding)
{
    tell_end(embedding, CALL_CLIENT_GONE, "ClientClosedRequest");
    call_account(embedding->call, CALL_CLIENT_GONE);
    release(embedding, LEDGER_CANCELLED);
}

static void on_close(struct http_exchange *exchange)
{
    leave(exchange->user);
}

static void hold(struct embedding *embedding)
{
    embedding->call->exchange->user = embedding;
    embedding->call->exchange->on_close = on_close;
}

/* The client left while another thread was at work. */
static bool is_over(struct embedding *embedding, bool is_gone)
{
    if (is_gone)
        leave(embedding);
    return is_gone;
}

static void fail(struct embedding *embedding, const struct error *error)
{
    struct api_call *call = embedding->call;
    const struct dialect_error known = call_shown_error(call, error);
    const struct error copy = *error;
    if (!embedding->has_line)
        call_note_refusal(call, error);
    tell_end(embedding, known.status, known.name);
    release(embedding, LEDGER_FAILED);
    call_fail(call, &copy);
}

/* --- the answer ------------------------------------------------------------------------------------- */

static void add_headers(struct embedding *embedding)
{
    struct api_call *call = embedding->call;
    const struct placement *placement = work_placement(embedding->work);
    call_add_answerer(call, placement);
    call_add_ignored(call);
    if (call->operation->headers && call->operation->headers->add)
        call->operation->headers->add(call, &embedding->request, false);
    const struct chat_reply reply = {.usage = {.input_tokens = embedding->made.input_tokens}};
    if (call->operation->headers && call->operation->headers->add_usage)
        call->operation->headers->add_usage(call, &reply);
    call_add_count_header(call, "x-fulcrum-cost", call->cost);
}

static void write_reply(void *ctx)
{
    struct embedding *embedding = ctx;
    const struct target *target = &work_placement(embedding->work)->answered;
    const struct embed_reply reply = {target->match ? target->match->id : embedding->call->match.id,
                                      &embedding->made};
    embedding->format->write(&embedding->request, &reply, &embedding->out);
}

static void on_written(void *ctx, bool is_gone)
{
    struct embedding *embedding = ctx;
    struct api_call *call = embedding->call;
    struct error error;
    if (is_over(embedding, is_gone))
        return;
    hold(embedding);
    if (work_settle(embedding->work, embedding->out.failed ? LEDGER_FAILED : LEDGER_COMPLETED, &error) != OK) {
        fail(embedding, &error);
        return;
    }
    add_headers(embedding);
    tell_end(embedding, embedding->out.failed ? 500 : 200, embedding->out.failed ? "server_error" : NULL);
    struct buf body = embedding->out;
    buf_init(&embedding->out, 0);
    release(embedding, LEDGER_FAILED);
    call_respond_json(call, &body);
    buf_deinit(&body);
}

/* What came is valid only now. */
static bool keep(struct embedding *embedding, const struct embeddings *embeddings)
{
    const size_t bytes = embeddings->count * embeddings->width * sizeof(float);
    embedding->values = mem_alloc(bytes + 1);
    if (!embedding->values)
        return false;
    memcpy(embedding->values, embeddings->values, bytes);
    embedding->made = *embeddings;
    embedding->made.values = embedding->values;
    embedding->made.tokens = NULL;
    return true;
}

static void on_embedded(void *ctx, const struct embeddings *embeddings)
{
    struct embedding *embedding = ctx;
    struct error error;
    embedding->call->usage.input_tokens = embeddings->input_tokens;
    if (!keep(embedding, embeddings)) {
        fail(embedding, (error_no_memory(&error), &error));
        return;
    }
    if (embeddings->count * embeddings->width > INLINE_VALUES_MAX)
        embedding->step.is_large = true;
    body_step(&embedding->step, write_reply, on_written);
}

static void on_failed(void *ctx, const struct error *error)
{
    fail(ctx, error);
}

static void on_placed(void *ctx, const struct placement *placement)
{
    struct embedding *embedding = ctx;
    (void)placement;
    embedding->is_placed = true;
}

static void on_billed(void *ctx, const struct target *answered, const struct ledger_line *line)
{
    struct embedding *embedding = ctx;
    struct api_call *call = embedding->call;
    embedding->has_line = true;
    call->cost += line->quote.cost;
    if (embedding->traced)
        traced_billed(embedding->traced, line);
    metrics_billed_line(&call->thread->metrics, answered->model, line);
}

/* --- the work --------------------------------------------------------------------------------------- */

static void write_body(void *ctx)
{
    struct embedding *embedding = ctx;
    work_prepare(embedding->work);
}

static void on_body(void *ctx, bool is_gone)
{
    struct embedding *embedding = ctx;
    struct body *step = &embedding->step;
    if (is_over(embedding, is_gone))
        return;
    hold(embedding);
    step->code = body_charge_made(step, &step->error);
    work_continue(embedding->work, step->code == OK ? NULL : &step->error);
}

static void offload_body(void *ctx, struct work *work)
{
    struct embedding *embedding = ctx;
    (void)work;
    body_step(&embedding->step, write_body, on_body);
}

static void begin(struct embedding *embedding)
{
    static const struct work_handlers handlers = {
        .on_placed = on_placed, .on_embedded = on_embedded, .on_failed = on_failed, .on_billed = on_billed};
    struct api_call *call = embedding->call;
    const struct work_setup setup = {
        .port = &call->thread->work,
        .kind = WORK_EMBED,
        .line = WORK_LINE_LEDGER,
        .request = &embedding->request,
        .match = &call->match,
        .router = call->route ? &call->route->hooks : NULL,
        .subject = call_subject(call),
        .tier = TIER_DEFAULT,
        .started_us = call->exchange->request.started_us,
        .offload = offload_body,
    };
    struct error error;
    embedding->work = work_new(&setup, &handlers, embedding);
    if (embedding->work)
        work_begin(embedding->work);
    else
        fail(embedding, (error_no_memory(&error), &error));
}

static void on_parsed(void *ctx, bool is_gone)
{
    struct embedding *embedding = ctx;
    struct body *step = &embedding->step;
    if (is_over(embedding, is_gone))
        return;
    hold(embedding);
    body_drop(step);
    if (step->code == OK)
        step->code = body_charge_made(step, &step->error);
    if (step->code == OK)
        begin(embedding);
    else
        fail(embedding, &step->error);
}

/* --- the body --------------------------------------------------------------------------------------- */

/* A step of body.h. */
static void parse(void *ctx)
{
    struct embedding *embedding = ctx;
    struct body *step = &embedding->step;
    struct chat_request *request = &embedding->request;
    yyjson_val *root = yyjson_doc_get_root(request->document);
    request->body = root;
    step->code = yyjson_is_obj(root) ? embedding->format->parse(root, request, &step->error)
                                     : error_set(&step->error, ERROR_INVALID,
                                                 "the request body must be a JSON object, got %s",
                                                 json_type_name(root));
    embedding->is_read = step->code == OK;
}

static enum error_code prepare(struct embedding *embedding, struct error *error)
{
    struct api_call *call = embedding->call;
    const struct operation_headers *headers = call->operation->headers;
    const enum error_code code = call_resolve_model(call, error);
    if (code != OK)
        return code;
    call_prepare_request(call, &embedding->request);
    return headers ? headers->parse(call, false, &embedding->request, error) : OK;
}

static void on_peeked(void *ctx, bool is_gone)
{
    struct embedding *embedding = ctx;
    struct body *step = &embedding->step;
    if (is_over(embedding, is_gone))
        return;
    if (step->code == OK)
        step->code = prepare(embedding, &step->error);
    if (step->code == OK)
        body_step(step, parse, on_parsed);
    else
        fail(embedding, &step->error);
}

static void on_open(void *ctx, bool is_gone)
{
    struct embedding *embedding = ctx;
    if (!is_gone && embedding->step.code == OK)
        body_peek(&embedding->step, &embedding->request, on_peeked);
    else
        on_peeked(embedding, is_gone);
}

void embed_run(struct api_call *call, const struct embed_format *format)
{
    static const struct embed_request unread = {0}; /* until it is known what is wanted: embeddings */
    struct embedding *embedding = CALL_NEW(call, struct embedding);
    if (!embedding)
        return;
    embedding->call = call;
    embedding->format = format;
    embedding->request.embed = &unread;
    embedding->traced = traced_begin(call);
    buf_init(&embedding->out, REPLY_BODY_MAX);
    body_open(&embedding->step, call, on_open, embedding);
}

/* --- what formats have in common ---------------------------------------------------------------------- */

static enum error_code parse_tokens(yyjson_val *list, const char *where, struct arena *arena, struct embed_input *input,
                                    struct error *error)
{
    const size_t count = yyjson_arr_size(list);
    int32_t *tokens = ARENA_ARRAY(arena, int32_t, count + 1);
    struct exact exact;
    size_t i, max;
    yyjson_val *token;
    int64_t value;
    if (!tokens)
        return error_no_memory(error);
    yyjson_arr_foreach(list, i, max, token)
    {
        if (!json_exact(token, &exact) || !exact_to_i64(&exact, &value) || value < 0 || value > INT32_MAX)
            return error_set(error, ERROR_INVALID, "%s[%zu]: expected a token, a whole number, got %s", where, i,
                             json_type_name(token));
        tokens[i] = (int32_t)value;
    }
    *input = (struct embed_input){.tokens = tokens, .token_count = (uint32_t)count};
    return OK;
}

enum error_code embed_parse_input(yyjson_val *value, const char *where, struct arena *arena, struct embed_input *input,
                                  struct error *error)
{
    if (yyjson_is_arr(value) && yyjson_arr_size(value) > 0 && yyjson_arr_size(value) <= UINT32_MAX)
        return parse_tokens(value, where, arena, input, error);
    if (!yyjson_is_str(value) && !yyjson_is_arr(value))
        return error_set(error, ERROR_INVALID, "%s: expected a string or an array of tokens, got %s", where,
                         json_type_name(value));
    *input = (struct embed_input){.text = json_str(value)};
    return input->text.len > 0 ? OK : error_set(error, ERROR_INVALID, "%s: must not be empty", where);
}

void embed_append_numbers(struct buf *out, const float *values, uint32_t width)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < width; i++)
        buf_appendf(out, "%s%.9g", i > 0 ? "," : "", (double)values[i]); /* so many digits tell all floats apart */
    buf_append_char(out, ']');
}

void embed_append_base64(struct buf *out, const float *values, uint32_t width)
{
    buf_append_char(out, '"');
    buf_append_base64(out, values, (size_t)width * sizeof(*values));
    buf_append_char(out, '"');
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values go over the wire as they lie in memory");
