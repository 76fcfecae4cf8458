/* Training data and requests of customization jobs: any bytes give what was checked, or one message. What is taken can
 * be written as a row and as a prompt, and the prompt comes back as it was. */
#include <assert.h>
#include <string.h>

#include "api/control/customize_request.h"
#include "customize/data.h"
#include "customize/logs.h"

#define OUT_BYTES_MAX (64u << 20)

static void check(const struct conversation *conversation, struct arena *arena)
{
    struct buf out;
    struct conversation again;
    struct data_origin found;
    struct error error;
    const struct data_origin origin = {STR("f"), 1, "t"};
    assert(conversation->count > 0);
    for (size_t i = 0; i < conversation->count; i++)
        assert(conversation->turns[i].is_assistant == (i % 2 == 1) &&
               (conversation->turns[i].content.blocks.data || conversation->turns[i].content.text.len > 0));
    buf_init(&out, OUT_BYTES_MAX);
    assert(conversation_append_prompt(&out, conversation, &origin));
    enum error_code code = conversation_of_prompt(buf_str(&out), arena, &again, &found, &error);
    assert(code == OK && again.count == conversation->count && found.line == 1);
    assert(str_eq(again.system, conversation->system) && str_eq(again.tools, conversation->tools));
    for (size_t i = 0; i < again.count; i++)
        assert(str_eq(again.turns[i].content.text, conversation->turns[i].content.text) &&
               str_eq(again.turns[i].content.blocks, conversation->turns[i].content.blocks));
    buf_clear(&out);
    assert(conversation_append_record(&out, &again, &(struct data_asking){"k", 1, 0}) && out.data[out.len - 1] == '\n');
    buf_clear(&out);
    assert(!conversation_is_answered(conversation) || conversation_append_row(&out, conversation, &origin, true));
    buf_deinit(&out);
}

static enum error_code parse_line(struct str text, struct arena *arena, struct error *error)
{
    struct conversation conversation;
    const enum error_code code = conversation_parse(text, arena, &conversation, error);
    if (code == OK)
        check(&conversation, arena);
    return code;
}

static enum error_code parse_record(struct str text, bool takes_answer, struct arena *arena, struct error *error)
{
    struct conversation conversation;
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse_exact(text, &doc, error);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (code == OK)
        code = log_conversation(root, takes_answer, arena, &conversation, error);
    if (code == OK && takes_answer)
        assert(conversation_is_answered(&conversation));
    if (code == OK)
        check(&conversation, arena);
    yyjson_val *filters = yyjson_obj_get(root, "filters");
    if (filters && log_filter_check(filters, error) == OK)
        (void)log_filter_fits(filters, yyjson_obj_get(root, "requestMetadata"));
    json_free(doc);
    return code;
}

static enum error_code parse_request(struct str text, struct arena *arena, struct error *error)
{
    struct custom_job job = {0};
    struct customize_request request = {.job = &job};
    const enum error_code code = customize_request_parse(text, arena, &request, error);
    if (code == OK)
        assert(job.name.len > 0 && job.model_name.len > 0 && request.base.len > 0 && job.type < CUSTOM_TYPES &&
               (job.type != CUSTOM_DISTILLATION || job.teacher.len > 0));
    return code;
}

static enum error_code parse_identifier(struct str text, struct error *error)
{
    struct customize_identifier identifier;
    const enum error_code code =
        customize_identifier_parse(text, "model-customization-job", "jobIdentifier", &identifier, error);
    if (code == OK)
        assert(identifier.id.data >= text.data && identifier.id.data + identifier.id.len == text.data + text.len);
    return code;
}

/* The first byte chooses the parser, so that one corpus serves them all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    struct error error = {0};
    const struct str text = {(const char *)data + 1, size - 1};
    enum error_code code = OK;
    arena_init(&arena, 0);
    switch (data[0] % 5) {
    case 0: code = parse_line(text, &arena, &error); break;
    case 1: code = parse_record(text, true, &arena, &error); break;
    case 2: code = parse_record(text, false, &arena, &error); break;
    case 3: code = parse_request(text, &arena, &error); break;
    default: code = parse_identifier(text, &error); break;
    }
    assert(code == OK || error.message[0] != '\0');
    arena_deinit(&arena);
    return 0;
}
