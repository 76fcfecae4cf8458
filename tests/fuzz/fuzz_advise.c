/* Logs of any kind, lines and tables and documents, all the way to the advice and its four forms: any bytes are read or
 * counted by reason, shares add up, and what is printed as JSON is JSON. */
#include <assert.h>
#include <string.h>

#include "advise/report.h"
#include "advise/table_text.h"
#include "cmd/sections.h"
#include "core/json.h"
#include "engine/embedded.h"

#define OUT_BYTES_MAX (16u << 20)

static struct advisor_options options;

/* Once: price book, catalogue and predictor don't change. */
static void load(void)
{
    static struct config config;
    static struct price_book *book;
    static struct catalog catalog;
    static struct predictor *predictor;
    struct error error;
    if (options.book)
        return;
    enum error_code code = config_parse(STR(""), "fuzz", program_sections, &config, &error);
    assert(code == OK);
    code = price_book_load(&config, &book, &error);
    assert(code == OK);
    code = catalog_load(embedded_file(STR("aliases.yaml")), &catalog, &error);
    assert(code == OK);
    code = predictor_open_builtin(PREDICTOR_GENERAL, &predictor, &error);
    assert(code == OK);
    options = (struct advisor_options){.book = book, .catalog = &catalog, .predictor = predictor};
}

static void check_sums(const struct advice *advice)
{
    int64_t left = advice->plan.cost;
    if (left == INT64_MAX)
        return;
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        const struct plan_sum *sum = &advice->plan.sums[i];
        assert(sum->saved >= 0 && sum->low <= (double)sum->saved && (double)sum->saved <= sum->high);
        left -= sum->saved;
    }
    assert(left == advice_left(advice) && left >= -4 * (int64_t)advice->plan.requests);
}

static void check_reports(const struct advice *advice)
{
    struct buf out;
    struct error error;
    yyjson_doc *doc = NULL;
    buf_init(&out, OUT_BYTES_MAX);
    enum error_code code = advice_append_json(&out, advice, &error);
    assert(code == OK);
    code = json_parse(buf_str(&out), &doc, &error);
    assert(code == OK);
    json_free(doc);
    buf_clear(&out);
    code = advice_append_table(&out, advice, &error);
    assert(code == OK);
    code = advice_append_page(&out, advice, &error);
    assert(code == OK);
    buf_clear(&out);
    code = advice_append_config(&out, advice, &error);
    assert(code == OK);
    struct config config;
    code = config_parse(buf_str(&out), "fuzz", program_sections, &config, &error);
    assert(code == OK);
    config_deinit(&config);
    buf_deinit(&out);
}

static void check_texts(struct str text)
{
    struct template_alignment alignment;
    const struct str a = str_slice(text, 0, text.len / 2), b = str_slice(text, text.len / 2, text.len);
    template_align(a, b, &alignment);
    assert(alignment.same <= alignment.matched && alignment.matched <= a.len && alignment.matched <= b.len);
    for (unsigned i = 0; i < alignment.count; i++) {
        uint32_t start = alignment.pieces[i].start, end = alignment.pieces[i].end;
        assert(start <= end && end <= a.len);
        assert(template_classify(a, &start, &end) < CHANGES && start <= end && end <= a.len);
    }
}

/* The first byte chooses: texts beside each other, or a log. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct advisor *advisor;
    const struct advice *advice;
    struct error error;
    if (size == 0)
        return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    if (data[0] == 't') {
        check_texts(text);
        return 0;
    }
    load();
    enum error_code code = advisor_new(&options, &advisor, &error);
    assert(code == OK);
    code = advisor_read_text(advisor, text, &error);
    assert(code == OK);
    code = advisor_finish(advisor, &advice, &error);
    assert(code == OK);
    check_sums(advice);
    check_reports(advice);
    advisor_free(advisor);
    return 0;
}
