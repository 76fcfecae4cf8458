/* PutObject and UploadPart: the body comes in pieces on the I/O thread, a
 * worker decodes, checks and writes them. At most two buffers of HIGH_BYTES
 * and what arrives after a pause are held. Once it has failed, the rest of
 * the body is dropped and the reply follows it: a client that is still
 * sending does not read. */
#include <stdio.h>

#include "auth/sigv4_chunks.h"
#include "core/limits.h"
#include "s3/chunked.h"
#include "s3/s3.h"

#define HIGH_BYTES ((size_t)262144)     /* waiting for a worker; over it the client waits */
#define PIECES_MAX ((size_t)4 << 20)    /* with what arrives after a pause */
#define TRAILER_BYTES ((size_t)8192)
#define CHECKSUM_PREFIX STR("x-amz-checksum-")
#define MD5_LEN 16

struct s3_put {
    struct s3 *s3;
    struct buf incoming; /* the I/O thread's */
    struct buf pending;  /* the worker's */
    bool has_ended;      /* the whole body has come */
    bool is_last;        /* `pending` is its end */
    bool is_over;        /* nothing is left to do but answer */

    /* The worker's. */
    bool has_begun, is_chunked, is_signed, has_trailer_signature;
    struct objects_put *writing;
    struct s3_chunked chunked;
    struct checksum payload;  /* SHA-256 that x-amz-content-sha256 states */
    struct checksum chunk;    /* SHA-256 of the present chunk */
    struct checksum checksum; /* of the object */
    struct str expected;      /* value of it, in the arena; data NULL until it is known */
    struct sigv4_chunks signer;
    struct buf trailer;       /* as it is signed */
};

/* --- what the headers announce: on a worker thread --- */

static bool refuse(struct s3 *s3, const char *code, const char *message)
{
    s3_fail(s3, 400, code, "%s", message);
    return false;
}

static bool is_payload_hash(struct str text)
{
    return text.len == SIGV4_HEX_LEN;
}

/* The coding of the body, and what is signed inside. */
static bool read_coding(struct s3 *s3, struct s3_put *put)
{
    static const char *const codings[] = {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"};
    struct str payload = s3_header(s3, "x-amz-content-sha256");
    bool is_known = false;
    put->is_chunked = str_starts(payload, STR("STREAMING-")) ||
                      str_find(s3_header(s3, "content-encoding"), STR("aws-chunked"), 0) >= 0;
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
        is_known = is_known || str_eq(payload, str_of(codings[i]));
    if (payload.data && !is_known && !is_payload_hash(payload) && !str_eq(payload, STR("UNSIGNED-PAYLOAD")) &&
        !str_starts(payload, STR("STREAMING-")))
        return refuse(s3, "InvalidArgument", "x-amz-content-sha256 must be a word of S3 or a hash.");
    if (str_starts(payload, STR("STREAMING-")) && !is_known) {
        s3_fail(s3, 501, "NotImplemented", "The payload signing " STR_FMT " is not implemented.", STR_ARG(payload));
        return false;
    }
    put->is_signed = auth_secret(&s3->identity).data && str_starts(payload, STR("STREAMING-AWS4-"));
    if (!put->is_signed)
        return true;
    struct sigv4_claim claim;
    struct error error;
    if (sigv4_read_claim(&s3->request, &s3->arena, &claim, &error) != AUTH_OK)
        return refuse(s3, "InvalidRequest", "Chunks can be signed where signature version 4 signs the request.");
    if (sigv4_chunks_init(&put->signer, &claim, auth_secret(&s3->identity)) &&
        checksum_init(&put->chunk, CHECKSUM_SHA256))
        return true;
    s3_fail_memory(s3);
    return false;
}

static bool take_checksum(struct s3 *s3, struct s3_put *put, enum checksum_kind kind, struct str value)
{
    if (put->checksum.kind != CHECKSUM_NONE && put->checksum.kind != kind)
        return refuse(s3, "InvalidRequest",
                      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
    if (put->checksum.kind == CHECKSUM_NONE && !checksum_init(&put->checksum, kind)) {
        s3_fail_memory(s3);
        return false;
    }
    if (value.data)
        put->expected = value;
    return true;
}

/* A checksum as a header, announced as a trailer, or only asked for. */
static bool read_checksums(struct s3 *s3, struct s3_put *put)
{
    for (size_t i = 0; i < s3->request.header_count; i++) {
        const struct http_header *header = &s3->request.headers[i];
        struct str name = header->name, value = header->value;
        bool is_trailer = str_eq(name, STR("x-amz-trailer")), states_one = false;
        struct str stated = is_trailer ? value : name;
        enum checksum_kind kind = CHECKSUM_NONE;
        if (str_eq(name, STR("x-amz-checksum-algorithm")) || str_eq(name, STR("x-amz-sdk-checksum-algorithm"))) {
            states_one = true;
            kind = checksum_kind_of(value);
        } else if (str_starts(stated, CHECKSUM_PREFIX) && !str_eq(name, STR("x-amz-checksum-type"))) {
            states_one = true;
            kind = checksum_kind_of(str_slice(stated, CHECKSUM_PREFIX.len, stated.len));
        }
        if (is_trailer && kind == CHECKSUM_NONE)
            return refuse(s3, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
        if (states_one && kind == CHECKSUM_NONE)
            return refuse(s3, "InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any "
                                                "of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
        bool is_value = kind != CHECKSUM_NONE && str_starts(name, CHECKSUM_PREFIX);
        if (kind != CHECKSUM_NONE && !take_checksum(s3, put, kind, is_value ? value : (struct str){NULL, 0}))
            return false;
    }
    return !is_payload_hash(s3_header(s3, "x-amz-content-sha256")) || checksum_init(&put->payload, CHECKSUM_SHA256);
}

static bool read_length(struct s3 *s3, const struct s3_put *put, uint64_t *size)
{
    struct str length = s3_header(s3, put->is_chunked ? "x-amz-decoded-content-length" : "content-length");
    *size = OBJECTS_SIZE_UNKNOWN;
    if (length.data && !str_to_u64(length, size))
        return refuse(s3, "InvalidArgument", "The length of the object is not a number.");
    if (!length.data && put->is_chunked) {
        s3_fail(s3, 411, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.");
        return false;
    }
    return true;
}

static bool read_md5(struct s3 *s3, uint8_t digest[MD5_LEN], bool *has_md5)
{
    struct str text = s3_header(s3, "content-md5");
    struct buf decoded;
    *has_md5 = text.data != NULL;
    if (!*has_md5)
        return true;
    buf_init(&decoded, 64);
    bool is_good = base64_decode(text, &decoded) && decoded.len == MD5_LEN;
    if (is_good)
        memcpy(digest, decoded.data, MD5_LEN);
    buf_deinit(&decoded);
    return is_good || refuse(s3, "InvalidDigest", "The Content-MD5 you specified was invalid.");
}

static void begin(struct s3 *s3, struct s3_put *put)
{
    struct objects_put_options options;
    struct error error;
    uint8_t md5[MD5_LEN];
    bool has_md5;
    uint64_t size;
    unsigned number = 0;
    struct str upload = s3_query(s3, "uploadId");
    if (!read_coding(s3, put) || !read_checksums(s3, put) || !read_length(s3, put, &size) ||
        !read_md5(s3, md5, &has_md5) || !s3_put_options(s3, &options) ||
        (upload.data && !s3_part_number(s3, &number)))
        return;
    options.expected_size = size;
    options.expected_md5 = has_md5 ? md5 : NULL;
    enum objects_problem problem =
        upload.data ? objects_upload_part(s3->objects, s3->tenant, s3->bucket, s3->key, upload, number, &options,
                                          &put->writing, &error)
                    : objects_put_begin(s3->objects, s3->tenant, s3->bucket, s3->key, &options, &put->writing, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
}

/* --- the bytes --- */

static bool take_data(void *ctx, struct str data)
{
    struct s3_put *put = ctx;
    struct error error;
    if (put->is_signed)
        checksum_update(&put->chunk, data.data, data.len);
    if (put->payload.kind != CHECKSUM_NONE)
        checksum_update(&put->payload, data.data, data.len);
    checksum_update(&put->checksum, data.data, data.len);
    enum objects_problem problem = objects_put_append(put->writing, data.data, data.len, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(put->s3, problem, &error);
    return problem == OBJECTS_OK;
}

static bool refuse_signature(struct s3 *s3)
{
    s3_fail(s3, 403, "SignatureDoesNotMatch", "The signature of a chunk does not match its content.");
    return false;
}

static bool end_chunk(void *ctx, struct str signature)
{
    struct s3_put *put = ctx;
    uint8_t digest[CHECKSUM_BYTES_MAX];
    if (!put->is_signed)
        return true;
    checksum_final(&put->chunk, digest);
    checksum_deinit(&put->chunk);
    if (!checksum_init(&put->chunk, CHECKSUM_SHA256)) {
        s3_fail_memory(put->s3);
        return false;
    }
    return sigv4_chunks_check(&put->signer, digest, signature) || refuse_signature(put->s3);
}

static bool take_trailer(void *ctx, struct str name, struct str value)
{
    struct s3_put *put = ctx;
    struct s3 *s3 = put->s3;
    if (str_eq(name, STR("x-amz-trailer-signature"))) {
        put->has_trailer_signature = true;
        return !put->is_signed || sigv4_chunks_check_trailer(&put->signer, buf_str(&put->trailer), value) ||
               refuse_signature(s3);
    }
    if (put->has_trailer_signature)
        return refuse(s3, "MalformedTrailerError", "A trailer stands behind the signature of the trailers.");
    buf_appendf(&put->trailer, STR_FMT ":" STR_FMT "\n", STR_ARG(name), STR_ARG(value));
    if (put->trailer.failed)
        return refuse(s3, "MalformedTrailerError", "The trailers are too long.");
    if (!str_starts(name, CHECKSUM_PREFIX))
        return true;
    enum checksum_kind kind = checksum_kind_of(str_slice(name, CHECKSUM_PREFIX.len, name.len));
    struct str kept;
    if (kind == CHECKSUM_NONE || kind != put->checksum.kind)
        return refuse(s3, "MalformedTrailerError", "The trailer is not the one that x-amz-trailer announced.");
    if (!arena_str(&s3->arena, value, &kept)) {
        s3_fail_memory(s3);
        return false;
    }
    return take_checksum(s3, put, kind, kept);
}

static void take_pending(struct s3 *s3, struct s3_put *put)
{
    const struct s3_chunked_sink sink = {take_data, end_chunk, take_trailer, put};
    struct str data = buf_str(&put->pending);
    if (!put->is_chunked)
        (void)(data.len == 0 || take_data(put, data));
    else if (s3_chunked_feed(&put->chunked, data, &sink) == S3_CHUNKED_MALFORMED)
        s3_fail(s3, 400, "InvalidChunkFormat", "The body is not in the aws-chunked coding that its headers announce.");
}

/* --- the end --- */

static bool check_payload(struct s3 *s3, struct s3_put *put)
{
    uint8_t digest[CHECKSUM_BYTES_MAX];
    char hex[SIGV4_HEX_LEN + 1];
    if (put->payload.kind == CHECKSUM_NONE)
        return true;
    checksum_final(&put->payload, digest);
    hex_encode(digest, SHA256_LEN, hex);
    return str_eq_nocase(s3_header(s3, "x-amz-content-sha256"), str_of(hex)) ||
           refuse(s3, "XAmzContentSHA256Mismatch",
                  "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static bool check_checksum(struct s3 *s3, struct s3_put *put)
{
    uint8_t value[CHECKSUM_BYTES_MAX], wanted[CHECKSUM_BYTES_MAX];
    char text[CHECKSUM_BASE64_MAX + 1];
    enum checksum_kind kind = put->checksum.kind;
    if (s3_header(s3, "x-amz-trailer").data && kind != CHECKSUM_NONE && !put->expected.data)
        return refuse(s3, "MalformedTrailerError", "The request contained trailing data that was not well-formed or "
                                                   "did not conform to our published schema.");
    if (kind == CHECKSUM_NONE)
        return true;
    checksum_final(&put->checksum, value);
    if (put->expected.data && !checksum_parse(kind, put->expected, wanted)) {
        s3_fail(s3, 400, "InvalidRequest", "Value for x-amz-checksum-%s header is invalid.", checksum_name(kind));
        return false;
    }
    if (put->expected.data && memcmp(value, wanted, checksum_bytes(kind)) != 0) {
        s3_fail(s3, 400, "BadDigest", "The %s you specified did not match the calculated checksum.",
                checksum_name(kind));
        return false;
    }
    checksum_base64(kind, value, text);
    objects_put_checksum(put->writing, checksum_name(kind), str_of(text), false);
    return true;
}

static void finish(struct s3 *s3, struct s3_put *put)
{
    struct objects_info info;
    struct error error;
    if (put->is_chunked && !s3_chunked_is_done(&put->chunked)) {
        (void)refuse(s3, "IncompleteBody", "The request body terminated unexpectedly");
        return;
    }
    if (put->is_signed && put->trailer.len > 0 && !put->has_trailer_signature) {
        (void)refuse_signature(s3);
        return;
    }
    if (!check_payload(s3, put) || !check_checksum(s3, put))
        return;
    enum objects_problem problem = objects_put_commit(put->writing, &info, &error);
    put->writing = NULL;
    if (problem == OBJECTS_OK)
        s3_add_written_headers(s3, &info);
    else
        s3_fail_problem(s3, problem, &error);
}

static void work(struct s3 *s3)
{
    struct s3_put *put = s3->stream;
    if (!put->has_begun && !s3_has_failed(s3))
        begin(s3, put);
    put->has_begun = true;
    if (put->pending.failed)
        s3_fail_memory(s3);
    if (!s3_has_failed(s3))
        take_pending(s3, put);
    if (!s3_has_failed(s3) && put->is_last)
        finish(s3, put);
    if (s3_has_failed(s3)) { /* what is written goes before the answer does */
        objects_put_abort(put->writing);
        put->writing = NULL;
    }
}

/* --- on the I/O thread --- */

static void pass_on(struct s3 *s3)
{
    struct s3_put *put = s3->stream;
    struct buf empty = put->pending;
    buf_clear(&empty);
    put->pending = put->incoming;
    put->incoming = empty;
    put->is_last = put->has_ended;
    s3_queue_work(s3);
}

static void drop_buffers(struct s3_put *put)
{
    buf_deinit(&put->incoming);
    buf_deinit(&put->pending);
}

static bool after(struct s3 *s3)
{
    struct s3_put *put = s3->stream;
    put->is_over = put->is_last || s3_has_failed(s3);
    if (put->is_over)
        drop_buffers(put);
    if (!put->has_ended)
        http_body_resume(s3->call->exchange);
    if (put->is_over)
        return put->has_ended;
    if (put->has_ended || put->incoming.len > 0)
        pass_on(s3);
    return false;
}

static void on_body(struct http_exchange *exchange, struct str data)
{
    struct s3 *s3 = exchange->user;
    struct s3_put *put = s3->stream;
    if (put->is_over)
        return;
    if (!buf_append_str(&put->incoming, data)) {
        if (!s3->is_working) {
            s3_fail_memory(s3);
            put->is_over = true;
        }
        return; /* the worker that gets it will see */
    }
    if (put->incoming.len >= HIGH_BYTES)
        http_body_pause(exchange);
    if (!s3->is_working)
        pass_on(s3);
}

void s3_put_end(struct s3 *s3)
{
    struct s3_put *put = s3->stream;
    put->has_ended = true;
    if (put->is_over)
        s3_respond(s3);
    else if (!s3->is_working)
        pass_on(s3);
}

static void put_free(void *stream)
{
    struct s3_put *put = stream;
    objects_put_abort(put->writing);
    checksum_deinit(&put->payload);
    checksum_deinit(&put->chunk);
    checksum_deinit(&put->checksum);
    buf_deinit(&put->trailer);
    drop_buffers(put);
    mem_free(put);
}

bool s3_put_begin(struct s3 *s3)
{
    static const struct s3_stream_ops ops = {.work = work, .after = after, .free = put_free};
    struct s3_put *put = mem_calloc(1, sizeof(*put));
    if (!put)
        return false;
    put->s3 = s3;
    put->is_over = s3_has_failed(s3);
    buf_init(&put->incoming, PIECES_MAX);
    buf_init(&put->pending, PIECES_MAX);
    buf_init(&put->trailer, TRAILER_BYTES);
    s3->stream_ops = &ops;
    s3->stream = put;
    s3->call->exchange->on_body = on_body;
    return true;
}
