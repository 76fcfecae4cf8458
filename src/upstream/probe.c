/* probe.c - see probe.h. OpenAI's and Anthropic's APIs list their models; Bedrock's runtime does not, and counts the
 * tokens of a word instead. */
#include "upstream/probe.h"

#include "core/json.h"
#include "core/util.h"
#include "upstream/wire.h"

#define REPLY_BYTES_MAX (16u << 20)
#define TIMEOUT_MS 20000u
#define COUNT_BODY                                                                                                    \
    "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]}}}"

struct probe {
    struct replica *replica;
    long status;
    struct buf head, body;
    enum transfer_fault fault;
    char what[256];
    bool is_done;
    uv_loop_t *loop;
};

static void on_head(void *ctx, const struct transfer_head *head)
{
    struct probe *probe = ctx;
    probe->status = head->status;
    buf_append_str(&probe->head, head->lines);
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct probe *probe = ctx;
    buf_append_str(&probe->body, bytes);
}

static void on_done(void *ctx, enum transfer_fault fault, const char *what)
{
    struct probe *probe = ctx;
    probe->fault = fault;
    (void)snprintf(probe->what, sizeof(probe->what), "%s", what);
    probe->is_done = true;
    uv_stop(probe->loop);
}

/* "upstream 'NAME'", with its address where it has several. */
static void append_who(const struct probe *probe, struct buf *out)
{
    buf_appendf(out, "upstream '%s'", probe->replica->upstream->config->name);
    if (probe->replica->upstream->replica_count > 1)
        buf_appendf(out, " at %s", replica_name(probe->replica));
}

/* --- what came -------------------------------------------------------------------------------------- */

static bool is_listed(yyjson_val *list, const char *id)
{
    yyjson_val *item;
    size_t i, max;
    yyjson_arr_foreach(list, i, max, item)
    {
        if (str_eq(json_str(yyjson_obj_get(item, "id")), str_of(id)))
            return true;
    }
    return false;
}

/* Lists may be cut into pages, so what is not there is worth a word and no fault. */
static void append_list(const struct probe *probe, struct buf *out)
{
    const struct upstream_config *config = probe->replica->upstream->config;
    struct error ignored;
    yyjson_doc *doc = NULL;
    if (json_parse(buf_str(&probe->body), &doc, &ignored) != OK)
        doc = NULL;
    yyjson_val *list = doc ? yyjson_obj_get(yyjson_doc_get_root(doc), "data") : NULL;
    append_who(probe, out);
    buf_appendf(out, " answers and lists %zu model%s\n", yyjson_arr_size(list), yyjson_arr_size(list) == 1 ? "" : "s");
    for (size_t i = 0; i < config->model_count && yyjson_is_arr(list); i++) {
        const char *id = upstream_model_id(&config->models[i]);
        if (!is_listed(list, id))
            buf_appendf(out, "note: upstream '%s' does not list '%s'\n", config->name, id);
    }
    json_free(doc);
}

/* True: the upstream is as it should be. */
static bool append_result(const struct probe *probe, struct buf *out)
{
    const struct upstream *upstream = probe->replica->upstream;
    const struct transfer_head head = {probe->status, buf_str(&probe->head)};
    const bool is_bedrock = upstream->config->kind == UPSTREAM_BEDROCK;
    if (probe->fault != TRANSFER_DONE) {
        append_who(probe, out);
        buf_appendf(out, " can't be reached: %s\n", probe->what);
        return false;
    }
    if (probe->status >= 200 && probe->status < 300 && !is_bedrock) {
        append_list(probe, out);
        return true;
    }
    /* Models that count no tokens refuse that after they have seen who asks. */
    if ((probe->status >= 200 && probe->status < 300) || (is_bedrock && probe->status == 400)) {
        append_who(probe, out);
        buf_append_text(out, " answers\n");
        return true;
    }
    yyjson_doc *doc;
    const struct wire_failure failure = wire_failure(&head, buf_str(&probe->body), &doc);
    const struct str message = wire_is_harmless(upstream, failure.message) ? str_slice(failure.message, 0, 300)
                                                                           : STR("(left out: it holds the key)");
    append_who(probe, out);
    buf_appendf(out, " refuses: %ld " STR_FMT ": " STR_FMT "\n", probe->status, STR_ARG(failure.name),
                STR_ARG(message));
    json_free(doc);
    return false;
}

/* --- asking ----------------------------------------------------------------------------------------- */

static enum error_code ask(struct transport *transport, struct probe *probe, struct error *error)
{
    static const struct transfer_events events = {on_head, on_bytes, on_done};
    const struct upstream_config *config = probe->replica->upstream->config;
    const bool lists = wire_can(probe->replica->upstream, WIRE_LIST);
    const struct wire_ask ask = {.use = lists ? WIRE_LIST : WIRE_COUNT,
                                 .model = upstream_model_id(&config->models[0]),
                                 .body = lists ? (struct str){NULL, 0} : STR(COUNT_BODY)};
    struct transfer_request request;
    struct arena arena;
    arena_init(&arena, 0);
    enum error_code code = wire_write(probe->replica, &ask, &arena, &request, error);
    if (code == OK) {
        request.first_byte_ms = request.idle_ms = TIMEOUT_MS;
        struct transfer *transfer = transfer_start(transport, &request, &events, probe, error);
        code = transfer ? OK : error->code;
        while (transfer && !probe->is_done)
            uv_run(probe->loop, UV_RUN_DEFAULT);
        if (transfer)
            transfer_end(transfer);
    }
    arena_deinit(&arena);
    return code;
}

static enum error_code probe_replica(struct transport *transport, struct replica *replica, struct buf *out,
                                     size_t *failed, struct error *error)
{
    struct probe probe = {.replica = replica, .loop = transport_loop(transport)};
    buf_init(&probe.head, 65536);
    buf_init(&probe.body, REPLY_BYTES_MAX);
    const enum error_code code = ask(transport, &probe, error);
    if (code == OK && !append_result(&probe, out))
        (*failed)++;
    buf_deinit(&probe.head);
    buf_deinit(&probe.body);
    return code;
}

enum error_code probe_upstreams(struct upstreams *upstreams, struct buf *out, size_t *failed, struct error *error)
{
    uv_loop_t loop;
    enum error_code code = OK;
    uv_loop_init(&loop);
    struct transport *transport = transport_open(&loop, error);
    *failed = 0;
    for (size_t i = 0; i < upstreams->count && transport; i++)
        for (size_t k = 0; k < upstreams->items[i].replica_count && code == OK; k++)
            code = probe_replica(transport, &upstreams->items[i].replicas[k], out, failed, error);
    code = transport ? code : error->code;
    transport_close(transport);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return code;
}
