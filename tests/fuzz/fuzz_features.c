/* What a predictor reads of a prompt: any bytes, in blocks of any length, give numbers within their bounds, which come
 * out of a label's JSON as they went in. The input: a byte that says how long blocks are, one that says how many of
 * them are the system's, then the texts. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "route/features.h"
#include "route/labels.h"
#include "route/lines.h"

static void add(struct route_text *text, struct str slice)
{
    text->bytes += slice.len;
    if (text->count < ROUTE_SLICES_MAX)
        text->slices[text->count++] = slice;
}

static void check(const struct features *features)
{
    static uint8_t is_there[FEATURES_BUCKETS];
    assert(features->count <= FEATURES_MAX && features->word_count <= FEATURES_WORDS);
    assert(features->system_words <= features->word_count);
    memset(is_there, 0, sizeof(is_there));
    for (size_t i = 0; i < features->count; i++) {
        assert(!is_there[features->buckets[i]]);
        is_there[features->buckets[i]] = 1;
    }
    for (size_t i = 0; i < features->word_count; i++)
        assert(is_there[features->words[i]]);
    for (size_t i = 0; i < FEATURES_BUILT; i++)
        assert(isfinite(features->built[i]));
    assert(isfinite(features_demand(features->built)));
}

static void check_json(const struct features *features)
{
    static struct features back;
    struct buf out;
    struct error error;
    yyjson_doc *doc;
    buf_init(&out, 1 << 20);
    features_append_json(&out, features);
    const enum error_code code = json_parse(buf_str(&out), &doc, &error);
    assert(code == OK);
    const bool is_read = features_read_json(yyjson_doc_get_root(doc), &back);
    assert(is_read && back.count == features->count && back.word_count == features->word_count &&
           back.system_words == features->system_words);
    assert(!memcmp(back.buckets, features->buckets, back.count * sizeof(back.buckets[0])));
    assert(!memcmp(back.words, features->words, back.word_count * sizeof(back.words[0])));
    for (size_t i = 0; i < FEATURES_BUILT; i++)
        assert(back.built[i] <= features->built[i] && back.built[i] >= features->built[i]);
    json_free(doc);
    buf_deinit(&out);
}

static void check_lines(struct str text)
{
    struct lines lines = {0};
    lines_read(text, &lines);
    assert(lines.count >= 1 && lines.items <= lines.count && lines.dialogue <= lines.count);
    assert(lines.alike >= 0 && lines.alike <= lines.items && lines.shortest <= lines.longest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct features features;
    if (size < 2)
        return 0;
    struct str text = {(const char *)data + 2, size - 2};
    struct route_prompt prompt = {.turns = 1u + data[0] % 5, .tools = data[1] / 16};
    const size_t step = 1 + (size_t)data[0] * data[0], system = data[1] % 16;
    if (text.len > 0)
        check_lines(text);
    for (size_t i = 0; text.len > 0; i++) {
        add(i < system ? &prompt.system : &prompt.user, str_slice(text, 0, step));
        text = str_slice(text, step, text.len);
    }
    features_read(&prompt, &features);
    check(&features);
    check_json(&features);
    return 0;
}
