/* aws-chunked bodies: however they are cut, the same comes out, and no more than went in. The first byte says how. */
#include <assert.h>
#include <stdlib.h>

#include "core/buf.h"
#include "s3/chunked.h"

struct outcome {
    struct buf data, rest; /* bytes; ends of chunks and trailers */
    enum s3_chunked_result result;
    bool is_done;
};

static bool on_data(void *ctx, struct str data)
{
    return buf_append_str(&((struct outcome *)ctx)->data, data);
}

static bool on_chunk_end(void *ctx, struct str signature)
{
    struct outcome *outcome = ctx;
    assert(signature.len == 0 || signature.len == 64);
    return buf_appendf(&outcome->rest, "%zu:" STR_FMT ";", outcome->data.len, STR_ARG(signature));
}

static bool on_trailer(void *ctx, struct str name, struct str value)
{
    return buf_appendf(&((struct outcome *)ctx)->rest, STR_FMT "=" STR_FMT ";", STR_ARG(name), STR_ARG(value));
}

static void decode(struct str body, size_t step, struct outcome *outcome)
{
    struct s3_chunked chunked = {0};
    const struct s3_chunked_sink sink = {on_data, on_chunk_end, on_trailer, outcome};
    *outcome = (struct outcome){0};
    buf_init(&outcome->data, body.len + 1);
    buf_init(&outcome->rest, 40 * body.len + 1024);
    for (size_t at = 0; at < body.len && outcome->result == S3_CHUNKED_OK; at += step)
        outcome->result = s3_chunked_feed(&chunked, str_slice(body, at, at + step), &sink);
    outcome->is_done = s3_chunked_is_done(&chunked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;
    if (size < 1 || size > 65536)
        return 0;
    struct str body = {(const char *)data + 1, size - 1};
    decode(body, body.len + 1, &whole);
    decode(body, (size_t)data[0] + 1, &pieces);
    assert(whole.result == pieces.result && whole.is_done == pieces.is_done);
    assert(whole.result != S3_CHUNKED_REFUSED);
    assert(str_eq(buf_str(&whole.data), buf_str(&pieces.data)));
    assert(str_eq(buf_str(&whole.rest), buf_str(&pieces.rest)));
    buf_deinit(&whole.data);
    buf_deinit(&whole.rest);
    buf_deinit(&pieces.data);
    buf_deinit(&pieces.rest);
    return 0;
}
