/* Data sets of evaluations: any bytes give rows and flaws, each line one of them at most, whose requests are JSON that
 * Converse's parser may see, and whose report has no markup of theirs. */
#include <assert.h>

#include "core/json.h"
#include "core/limits.h"
#include "eval/questions.h"
#include "eval/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const struct question *question)
{
    struct buf body;
    struct error error;
    yyjson_doc *doc = NULL;
    buf_init(&body, 1 << 24);
    bool is_written = question_append_request(question, true, &body);
    assert(is_written);
    enum error_code code = json_parse(buf_str(&body), &doc, &error);
    yyjson_val *messages = yyjson_obj_get(yyjson_doc_get_root(doc), "messages");
    assert(code == OK && yyjson_arr_size(messages) > 0);
    assert(!question->has_reference || question->reference.block_count > 0 || question->wants_no_call);
    json_free(doc);
    buf_deinit(&body);
    (void)is_written;
    (void)code;
    (void)messages;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct questions questions = {0};
    struct error error;
    struct buf page;
    const struct str text = {(const char *)data, size};
    limits_in_force.eval_row_bytes = 4096;
    limits_in_force.eval_rows = 64;
    const enum error_code code = questions_parse(&questions, text, &error);
    assert(code == OK || code == ERROR_TOO_LARGE);
    (void)code;
    size_t last = 0;
    for (size_t i = 0; i < questions.count; i++) {
        assert(questions.items[i].line > last);
        last = questions.items[i].line;
        check_request(&questions.items[i]);
    }
    buf_init(&page, 8 * size + 64);
    html_append_escaped(&page, text);
    assert(!page.failed && str_is_utf8(buf_str(&page)) && str_find_char(buf_str(&page), '<', 0) < 0);
    buf_deinit(&page);
    questions_deinit(&questions);
    return 0;
}
