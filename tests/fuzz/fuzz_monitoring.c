/* Bodies of the monitoring service: the first byte chooses the protocol. What is read is JSON, and what CBOR gave comes
 * through CBOR again. */
#include <assert.h>

#include "api/monitoring/cbor.h"
#include "api/monitoring/form.h"
#include "api/monitoring/service.h"
#include "core/json.h"

static yyjson_doc *parse(struct buf *json)
{
    struct error error;
    yyjson_doc *doc = NULL;
    if (json_parse(buf_str(json), &doc, &error) != OK)
        doc = NULL;
    return doc;
}

static void check_all(yyjson_doc *doc)
{
    struct error error;
    bool is_missing;
    for (size_t i = 0; i < monitoring_operation_count; i++)
        if (shape_check(monitoring_operations[i].input, yyjson_doc_get_root(doc), &is_missing, &error) != OK)
            assert(error.message[0]);
}

static void read_cbor(struct str bytes)
{
    struct error error;
    struct buf json, again, text;
    buf_init(&json, bytes.len * 8 + 4096);
    if (cbor_read(bytes, &json, &error) == OK) {
        yyjson_doc *doc = parse(&json);
        assert(doc); /* a depth that CBOR may have is one that JSON may have */
        check_all(doc);
        yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
        buf_init(&again, bytes.len * 16 + 4096);
        buf_init(&text, json.len * 2 + 4096);
        cbor_append(&again, NULL, yyjson_mut_doc_get_root(copy));
        assert(!again.failed && cbor_read(buf_str(&again), &text, &error) == OK);
        buf_deinit(&again);
        buf_deinit(&text);
        yyjson_mut_doc_free(copy);
        json_free(doc);
    } else {
        assert(error.message[0]);
    }
    buf_deinit(&json);
}

static void read_form(struct str text, const struct monitoring_operation *operation)
{
    struct error error;
    struct form form;
    struct arena arena;
    struct buf json;
    arena_init(&arena, (size_t)64 << 20);
    buf_init(&json, text.len * 8 + 4096);
    if (form_parse(text, &arena, &form, &error) == OK &&
        form_read(&form, operation->input, &arena, &json, &error) == OK) {
        yyjson_doc *doc = parse(&json);
        assert(doc);
        check_all(doc);
        json_free(doc);
    }
    buf_deinit(&json);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double seconds;
    if (size == 0 || size > 65536)
        return 0;
    const struct str rest = {(const char *)data + 1, size - 1};
    if (data[0] == 'C')
        read_cbor(rest);
    else if (data[0] == 'T')
        (void)shape_parse_time(rest, &seconds);
    else
        read_form(rest, &monitoring_operations[data[0] % monitoring_operation_count]);
    return 0;
}
