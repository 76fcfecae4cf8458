/* What providers say of batches and of records: any JSON gives a batch whose strings end, and a result of this job or
 * none. */
#include <assert.h>
#include <string.h>

#include "batch/provider.h"

static void read_all(enum upstream_kind kind, yyjson_val *root)
{
    struct provider_batch batch;
    struct provider_result result;
    char path[PROVIDER_PATH_MAX];
    if (provider_read_batch(kind, root, &batch)) {
        assert(strlen(batch.id) < PROVIDER_ID_MAX && strlen(batch.key) < PROVIDER_KEY_MAX);
        for (enum provider_path which = PROVIDER_UPLOAD; which <= PROVIDER_RESULTS; which++) {
            provider_path_of(kind, which, batch.id, path);
            assert(!strchr(path, ' ') && !strchr(path, '\n') && strlen(path) < PROVIDER_PATH_MAX);
        }
    }
    if (provider_read_result(kind, root, "abcdefghijkl", &result) && result.fate == PROVIDER_SUCCEEDED)
        assert(yyjson_is_obj(result.body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = {(const char *)data, size};
    struct error error;
    yyjson_doc *doc;
    for (enum upstream_kind kind = UPSTREAM_OPENAI; kind <= UPSTREAM_ANTHROPIC; kind++) {
        if (json_parse(text, &doc, &error) == OK) {
            read_all(kind, yyjson_doc_get_root(doc));
            json_free(doc);
        }
        if (json_parse_exact(text, &doc, &error) == OK) {
            read_all(kind, yyjson_doc_get_root(doc));
            json_free(doc);
        }
    }
    return 0;
}
