/* JSONL of batch jobs: any bytes in pieces of any size give the lines that the
 * whole gives, and each line becomes one line of output that is JSON. */
#include <assert.h>

#include "batch/lines.h"
#include "batch/record.h"

#define LINE_MAX_BYTES 200

struct seen {
    uint64_t hash, count, last;
};

static enum error_code note(void *ctx, const struct line *line, struct error *error)
{
    struct seen *seen = ctx;
    (void)error;
    assert(line->number > seen->last && line->text.len <= LINE_MAX_BYTES);
    assert(line->is_too_long || line->text.len > 0);
    seen->last = line->number;
    seen->hash = seen->hash * 31 + str_hash(line->text) + line->number * 2 + line->is_too_long;
    seen->count++;
    return OK;
}

static enum error_code write_line(void *ctx, const struct line *line, struct error *error)
{
    struct buf *out = ctx, copied;
    yyjson_doc *doc;
    struct batch_record record;
    buf_clear(out);
    struct record_line written = {line->text, false, line->number, ""};
    bool is_written = record_append_line(&batch_bedrock_form, out, &written, STR("\"modelOutput\":{}"));
    assert(is_written && out->data[out->len - 1] == '\n');
    (void)!record_parse(&batch_bedrock_form, line->text, &record, error);
    /* What is no JSON is never copied in earnest; it only must not be read beyond its end. */
    buf_init(&copied, 64 * LINE_MAX_BYTES);
    written.is_json = true;
    is_written = record_append_line(&batch_bedrock_form, &copied, &written, STR("\"modelOutput\":{}"));
    assert(is_written && (!record.document || str_eq(buf_str(out), buf_str(&copied))));
    buf_deinit(&copied);
    record_free(&record);
    enum error_code code = json_parse(buf_str(out), &doc, error);
    assert(code == OK || code == ERROR_INVALID); /* invalid: it stood at the limit on depth, and is one deeper now */
    if (code == OK) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        assert(yyjson_is_str(yyjson_obj_get(root, "recordId")) && yyjson_obj_size(root) == 3);
        json_free(doc);
    }
    return OK;
}

static struct seen read_all(struct str text, size_t piece, line_taker take, void *ctx, struct seen *seen)
{
    struct line_reader reader;
    struct error error;
    line_reader_init(&reader, LINE_MAX_BYTES, take, ctx);
    while (text.len > 0) {
        enum error_code code = line_reader_feed(&reader, str_slice(text, 0, piece), &error);
        assert(code == OK);
        text = str_slice(text, piece, text.len);
    }
    enum error_code code = line_reader_end(&reader, &error);
    assert(code == OK);
    line_reader_deinit(&reader);
    return *seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    struct seen whole = {0}, pieces = {0}, none = {0};
    struct buf out;
    (void)read_all(text, text.len + 1, note, &whole, &whole);
    (void)read_all(text, data[0] % 16 + 1u, note, &pieces, &pieces);
    assert(whole.hash == pieces.hash && whole.count == pieces.count);
    buf_init(&out, 64 * LINE_MAX_BYTES);
    (void)read_all(text, text.len + 1, write_line, &out, &none);
    buf_deinit(&out);
    return 0;
}
