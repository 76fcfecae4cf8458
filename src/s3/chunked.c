/* chunked.c - takes the coding off a body as it comes, and checks what it declares. Signatures are
 * auth/sigv4_chunks.c's. See chunked.h. */
#include "s3/chunked.h"

#define SIZE_DIGITS_MAX 15 /* of hex: no overflow */
#define SIGNATURE_MARK STR("chunk-signature=")

static enum s3_chunked_result fail(struct s3_chunked *chunked, enum s3_chunked_result failure)
{
    chunked->failure = failure;
    return failure;
}

static bool parse_size(struct str text, uint64_t *size)
{
    *size = 0;
    if (text.len == 0 || text.len > SIZE_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c >= '0' && c <= '9')
            *size = *size * 16 + (uint64_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *size = *size * 16 + (uint64_t)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    return true;
}

static enum s3_chunked_result end_chunk(struct s3_chunked *chunked, const struct s3_chunked_sink *sink)
{
    struct str signature = {chunked->signature, chunked->signature_len};
    return sink->on_chunk_end(sink->ctx, signature) ? S3_CHUNKED_OK : fail(chunked, S3_CHUNKED_REFUSED);
}

static enum s3_chunked_result take_size_line(struct s3_chunked *chunked, struct str line,
                                             const struct s3_chunked_sink *sink)
{
    struct str size;
    (void)str_split(&line, ';', &size);
    chunked->signature_len = 0;
    if (!parse_size(size, &chunked->left))
        return fail(chunked, S3_CHUNKED_MALFORMED);
    if (line.data && str_starts(line, SIGNATURE_MARK)) {
        struct str signature = str_slice(line, SIGNATURE_MARK.len, line.len);
        if (signature.len != sizeof(chunked->signature))
            return fail(chunked, S3_CHUNKED_MALFORMED);
        memcpy(chunked->signature, signature.data, signature.len);
        chunked->signature_len = signature.len;
    }
    chunked->state = chunked->left > 0 ? S3_CHUNK_DATA : S3_CHUNK_TRAILER;
    return chunked->left > 0 ? S3_CHUNKED_OK : end_chunk(chunked, sink);
}

static enum s3_chunked_result take_trailer(struct s3_chunked *chunked, struct str line,
                                           const struct s3_chunked_sink *sink)
{
    if (line.len == 0) {
        chunked->state = S3_CHUNK_DONE;
        return S3_CHUNKED_OK;
    }
    char *text = chunked->line;
    ptrdiff_t colon = str_find_char(line, ':', 0);
    if (colon <= 0 || chunked->trailers++ == S3_TRAILERS_MAX)
        return fail(chunked, S3_CHUNKED_MALFORMED);
    for (ptrdiff_t i = 0; i < colon; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] + ('a' - 'A'));
    struct str value = str_trim(str_slice(line, (size_t)colon + 1, line.len));
    return sink->on_trailer(sink->ctx, str_slice(line, 0, (size_t)colon), value) ? S3_CHUNKED_OK
                                                                                  : fail(chunked, S3_CHUNKED_REFUSED);
}

static enum s3_chunked_result take_line(struct s3_chunked *chunked, const struct s3_chunked_sink *sink)
{
    struct str line = {chunked->line, chunked->line_len};
    chunked->line_len = 0;
    switch (chunked->state) {
    case S3_CHUNK_SIZE: return take_size_line(chunked, line, sink);
    case S3_CHUNK_DATA_END:
        chunked->state = S3_CHUNK_SIZE;
        return line.len == 0 ? end_chunk(chunked, sink) : fail(chunked, S3_CHUNKED_MALFORMED);
    case S3_CHUNK_TRAILER: return take_trailer(chunked, line, sink);
    case S3_CHUNK_DATA:
    case S3_CHUNK_DONE: break;
    }
    return fail(chunked, S3_CHUNKED_MALFORMED);
}

/* One byte of a line; the line is taken at its CRLF. */
static enum s3_chunked_result take_line_byte(struct s3_chunked *chunked, char c, const struct s3_chunked_sink *sink)
{
    if (c == '\n') {
        if (chunked->line_len == 0 || chunked->line[chunked->line_len - 1] != '\r')
            return fail(chunked, S3_CHUNKED_MALFORMED);
        chunked->line_len--;
        return take_line(chunked, sink);
    }
    if (chunked->line_len == sizeof(chunked->line))
        return fail(chunked, S3_CHUNKED_MALFORMED);
    chunked->line[chunked->line_len++] = c;
    return S3_CHUNKED_OK;
}

enum s3_chunked_result s3_chunked_feed(struct s3_chunked *chunked, struct str data, const struct s3_chunked_sink *sink)
{
    while (data.len > 0 && chunked->failure == S3_CHUNKED_OK) {
        if (chunked->state == S3_CHUNK_DONE)
            return fail(chunked, S3_CHUNKED_MALFORMED);
        if (chunked->state != S3_CHUNK_DATA) {
            (void)take_line_byte(chunked, data.data[0], sink);
            data = str_slice(data, 1, data.len);
            continue;
        }
        struct str piece = str_slice(data, 0, chunked->left < data.len ? (size_t)chunked->left : data.len);
        chunked->left -= piece.len;
        if (chunked->left == 0)
            chunked->state = S3_CHUNK_DATA_END;
        if (!sink->on_data(sink->ctx, piece))
            return fail(chunked, S3_CHUNKED_REFUSED);
        data = str_slice(data, piece.len, data.len);
    }
    return chunked->failure;
}

bool s3_chunked_is_done(const struct s3_chunked *chunked)
{
    return chunked->state == S3_CHUNK_DONE && chunked->failure == S3_CHUNKED_OK;
}
