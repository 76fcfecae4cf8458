/* wire.c - see wire.h. */
#include "upstream/wire.h"

#include <stdio.h>

#include "auth/sigv4.h"
#include "core/json.h"
#include "core/util.h"

#define URL_BYTES_MAX ((size_t)8192)
#define ANTHROPIC_VERSION "2023-06-01"
#define SIGNED_MAX 4

static const struct {
    const char *codec;
    enum codec_framing framing;
} kinds[UPSTREAM_KINDS] = {
    [UPSTREAM_OPENAI] = {"chat", CODEC_FRAMES_SSE},
    [UPSTREAM_ANTHROPIC] = {"anthropic", CODEC_FRAMES_SSE},
    [UPSTREAM_BEDROCK] = {"converse", CODEC_FRAMES_EVENTSTREAM},
};

const struct codec *wire_codec(enum upstream_kind kind)
{
    return codec_find(str_of(kinds[kind].codec));
}

enum codec_framing wire_framing(enum upstream_kind kind)
{
    return kinds[kind].framing;
}

bool wire_can(const struct upstream *upstream, enum wire_use use)
{
    static const bool has[UPSTREAM_KINDS][WIRE_USES] = {
        [UPSTREAM_OPENAI] = {[WIRE_REPLY] = true, [WIRE_EMBED] = true, [WIRE_LIST] = true},
        [UPSTREAM_ANTHROPIC] = {[WIRE_REPLY] = true, [WIRE_COUNT] = true, [WIRE_LIST] = true},
        [UPSTREAM_BEDROCK] = {[WIRE_REPLY] = true, [WIRE_COUNT] = true},
    };
    return has[upstream->config->kind][use];
}

bool wire_wants_hash(const struct upstream *upstream)
{
    return upstream->config->access_key != NULL;
}

/* --- paths ------------------------------------------------------------------------------------------ */

static void append_path(struct buf *out, enum upstream_kind kind, const struct wire_ask *ask)
{
    static const char *const fixed[UPSTREAM_KINDS][WIRE_USES] = {
        [UPSTREAM_OPENAI] = {[WIRE_REPLY] = "/chat/completions", [WIRE_EMBED] = "/embeddings", [WIRE_LIST] = "/models",
                             [WIRE_METRICS] = "/metrics"},
        [UPSTREAM_ANTHROPIC] = {[WIRE_REPLY] = "/v1/messages", [WIRE_COUNT] = "/v1/messages/count_tokens",
                                [WIRE_LIST] = "/v1/models"},
    };
    if (ask->use == WIRE_PATH) {
        buf_append_text(out, ask->path);
        return;
    }
    if (kind != UPSTREAM_BEDROCK) {
        buf_append_text(out, fixed[kind][ask->use]);
        return;
    }
    buf_append_text(out, "/model/");
    sigv4_append_encoded(out, str_of(ask->model), false);
    buf_append_text(out, ask->use == WIRE_REPLY ? "/converse-stream" : "/count-tokens");
}

/* --- headers ---------------------------------------------------------------------------------------- */

static enum error_code add(struct transfer_request *request, struct arena *arena, const char *name, struct str value,
                           struct error *error)
{
    const struct str line = arena_printf(arena, "%s: " STR_FMT, name, STR_ARG(value));
    if (!line.data)
        return error_no_memory(error);
    if (request->header_count < TRANSFER_HEADERS_MAX)
        request->headers[request->header_count++] = line.data;
    return OK;
}

/* "NAME: VALUE" of each header that is signed, and the signature. */
static enum error_code add_signature(const struct replica *replica, const struct wire_ask *ask, struct str path,
                                     struct arena *arena, struct transfer_request *request, struct error *error)
{
    const struct upstream *upstream = replica->upstream;
    const struct upstream_config *config = upstream->config;
    struct sigv4_signer signer = {.key_id = str_of(config->access_key), .secret = str_of(upstream->secret),
                                  .region = str_of(config->region), .service = STR("bedrock"),
                                  .rules = sigv4_rules_of(STR("bedrock")), .now_s = clock_wall_us() / 1000000};
    char timestamp[SIGV4_TIMESTAMP_LEN + 1];
    struct http_header headers[SIGNED_MAX] = {{STR("host"), str_of(replica->host)}, {STR("x-amz-date"), {0}}};
    struct http_request signed_request = {.method = ask->body.data ? STR("POST") : STR("GET"), .target = path,
                                          .path = path, .query = STR(""), .headers = headers, .header_count = 2,
                                          .body = ask->body.data ? ask->body : STR("")};
    struct buf authorization;
    sigv4_timestamp(signer.now_s, timestamp);
    headers[1].value = str_of(timestamp);
    if (ask->hash)
        headers[signed_request.header_count++] = (struct http_header){STR("x-amz-content-sha256"), str_of(ask->hash)};
    buf_init(&authorization, 4096);
    enum error_code code = sigv4_sign(&signed_request, &signer, arena, &authorization, error);
    if (code == OK)
        code = add(request, arena, "authorization", buf_str(&authorization), error);
    buf_deinit(&authorization);
    if (code == OK)
        code = add(request, arena, "x-amz-date", str_of(timestamp), error);
    if (code == OK && ask->hash)
        code = add(request, arena, "x-amz-content-sha256", str_of(ask->hash), error);
    return code;
}

static enum error_code add_credentials(const struct replica *replica, const struct wire_ask *ask, struct str path,
                                       struct arena *arena, struct transfer_request *request, struct error *error)
{
    const struct upstream *upstream = replica->upstream;
    if (upstream->config->access_key)
        return add_signature(replica, ask, path, arena, request, error);
    if (!upstream->secret)
        return OK;
    if (upstream->config->kind == UPSTREAM_ANTHROPIC)
        return add(request, arena, "x-api-key", str_of(upstream->secret), error);
    const struct str value = arena_printf(arena, "Bearer %s", upstream->secret);
    return value.data ? add(request, arena, "authorization", value, error) : error_no_memory(error);
}

static enum error_code add_headers(const struct replica *replica, const struct wire_ask *ask, struct str path,
                                   struct arena *arena, struct transfer_request *request, struct error *error)
{
    const struct upstream_config *config = replica->upstream->config;
    enum error_code code = add_credentials(replica, ask, path, arena, request, error);
    if (code == OK && ask->body.data)
        code = add(request, arena, "content-type",
                   str_of(ask->content_type ? ask->content_type : "application/json"), error);
    if (code == OK && config->kind == UPSTREAM_ANTHROPIC) {
        const struct str asked = ask->api_version.data ? ask->api_version : STR(ANTHROPIC_VERSION);
        code = add(request, arena, "anthropic-version", config->version ? str_of(config->version) : asked, error);
    }
    if (code == OK && config->kind == UPSTREAM_ANTHROPIC && ask->betas.len > 0)
        code = add(request, arena, "anthropic-beta", ask->betas, error);
    for (size_t i = 0; i < config->header_count && request->header_count < TRANSFER_HEADERS_MAX; i++)
        request->headers[request->header_count++] = config->headers[i];
    return code;
}
_Static_assert(UPSTREAM_HEADERS_MAX + 9 <= TRANSFER_HEADERS_MAX, "there is room for all of them");

/* Metrics stand beside the API, not in it. */
static struct str base_of(const struct replica *replica, enum wire_use use)
{
    const struct str base = str_of(replica->base);
    return use == WIRE_METRICS && str_ends(base, STR("/v1")) ? str_slice(base, 0, base.len - 3) : base;
}

static uint64_t or_usual(uint64_t value, uint64_t usual)
{
    return value ? value : usual;
}

enum error_code wire_write(const struct replica *replica, const struct wire_ask *ask, struct arena *arena,
                           struct transfer_request *request, struct error *error)
{
    const struct upstream_config *config = replica->upstream->config;
    struct buf url;
    *request = (struct transfer_request){
        .body = ask->body,
        .ca = config->ca,
        .connect_ms = or_usual(config->connect_ms, UPSTREAM_CONNECT_MS),
        .first_byte_ms = or_usual(config->first_byte_ms, UPSTREAM_FIRST_BYTE_MS),
        .idle_ms = or_usual(config->idle_ms, UPSTREAM_IDLE_MS),
    };
    buf_init(&url, URL_BYTES_MAX);
    buf_append_str(&url, base_of(replica, ask->use));
    append_path(&url, config->kind, ask);
    request->url = url.failed ? NULL : arena_strdup(arena, buf_str(&url));
    buf_deinit(&url);
    if (!request->url)
        return error_no_memory(error);
    const struct str path = str_of(request->url + (replica->path - replica->base));
    return add_headers(replica, ask, path, arena, request, error);
}

/* --- replies ---------------------------------------------------------------------------------------- */

/* "ThrottlingException:http://..." and "com.amazon#ThrottlingException" */
static struct str bare_name(struct str name)
{
    const ptrdiff_t hash = str_find_char(name, '#', 0);
    struct str rest = hash < 0 ? name : str_slice(name, (size_t)hash + 1, name.len), bare;
    return str_split(&rest, ':', &bare) ? bare : name;
}

static struct str first_of(struct str a, struct str b)
{
    return a.len > 0 ? a : b;
}

struct wire_failure wire_failure(const struct transfer_head *head, struct str body, yyjson_doc **doc)
{
    struct error ignored;
    *doc = NULL;
    if (json_parse(body, doc, &ignored) != OK)
        *doc = NULL;
    yyjson_val *root = *doc ? yyjson_doc_get_root(*doc) : NULL, *error = yyjson_obj_get(root, "error");
    struct str name = json_str(yyjson_obj_get(yyjson_obj_get(error, "details"), "error_code"));
    name = first_of(name, json_str(yyjson_obj_get(error, "code")));
    name = first_of(name, json_str(yyjson_obj_get(error, "type")));
    name = first_of(name, transfer_header(head, "x-amzn-errortype"));
    name = first_of(name, json_str(yyjson_obj_get(root, "__type")));
    struct str message = json_str(yyjson_obj_get(error, "message"));
    message = first_of(message, json_str(error));
    message = first_of(message, json_str(yyjson_obj_get(root, "message")));
    message = first_of(message, json_str(yyjson_obj_get(root, "Message")));
    return (struct wire_failure){bare_name(name), message};
}

struct str wire_request_id(const struct transfer_head *head)
{
    static const char *const names[] = {"x-request-id", "request-id", "x-amzn-requestid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct str value = transfer_header(head, names[i]);
        if (value.len > 0)
            return value;
    }
    return (struct str){NULL, 0};
}

bool wire_is_harmless(const struct upstream *upstream, struct str text)
{
    return !upstream->secret || str_find(text, str_of(upstream->secret), 0) < 0;
}
