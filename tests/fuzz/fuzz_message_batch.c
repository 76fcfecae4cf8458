/* Bodies of batches of messages: what is taken of any bytes is lines of JSON without a line feed, each with an ID and
 * params; a body that parses whole as the API wants it gives as many lines as it has requests. */
#include <assert.h>

#include "api/anthropic/batches.h"
#include "core/json.h"

static enum error_code take(void *ctx, struct str line, struct error *error)
{
    size_t *count = ctx;
    yyjson_doc *doc;
    enum error_code code = json_parse(line, &doc, error);
    assert(code == OK && str_find_char(line, '\n', 0) < 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert(json_str(yyjson_obj_get(root, "custom_id")).len > 0 && yyjson_is_obj(yyjson_obj_get(root, "params")));
    json_free(doc);
    (*count)++;
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str body = {(const char *)data, size};
    size_t count = 0;
    struct anthropic_requests requests = {.take = take, .ctx = &count};
    struct error error;
    yyjson_doc *doc = NULL;
    const enum error_code code = anthropic_split_requests(body, &requests, &error);
    assert(code != OK || (count == requests.count && count > 0));
    if (code == OK && json_parse(body, &doc, &error) == OK) {
        yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "requests");
        assert(yyjson_arr_size(list) == count);
    }
    json_free(doc);
    return 0;
}
