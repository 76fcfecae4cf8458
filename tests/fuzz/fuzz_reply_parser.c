/* Replies with tool calls: any text gives well-nested blocks, and the same
 * blocks whatever the pieces it comes in. The first byte picks the family and
 * the tool choice, the second the length of the pieces. */
#include <assert.h>
#include <stdint.h>

#include "chat/reply_parser.h"
#include "core/buf.h"

struct record {
    struct buf text;
    size_t next_index;
    bool is_open;
};

static void on_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct record *record = ctx;
    assert(!record->is_open && index == record->next_index);
    assert(kind == CHAT_TEXT ? id.len == 0 : id.len == 30 && name.len > 0);
    record->is_open = true;
    buf_append_text(&record->text, kind == CHAT_TEXT ? "\x01" : "\x02");
    buf_append_str(&record->text, name);
}

static void on_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct record *record = ctx;
    (void)kind;
    assert(record->is_open && index == record->next_index && text.len > 0);
    buf_append_str(&record->text, text);
}

static void on_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct record *record = ctx;
    (void)kind;
    assert(record->is_open && index == record->next_index);
    record->is_open = false;
    record->next_index++;
    buf_append_text(&record->text, "\x03");
}

static void split(enum template_family family, const struct chat_request *request, struct str reply, size_t step,
                  struct record *record)
{
    struct chat_sink sink = {record, on_start, on_delta, on_stop, NULL};
    struct reply_parser *parser = reply_parser_new(family, request, &sink);
    struct error error;
    assert(parser != NULL);
    *record = (struct record){0};
    buf_init(&record->text, 1 << 24);
    for (; reply.len > 0; reply = str_slice(reply, step, reply.len)) {
        enum error_code code = reply_parser_feed(parser, str_slice(reply, 0, step), &error);
        assert(code == OK);
    }
    enum error_code code = reply_parser_finish(parser, &error);
    assert(code == OK && !record->is_open);
    assert(reply_parser_tool_use_count(parser) <= record->next_index);
    reply_parser_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chat_tool tools[] = {{.name = STR("get")}, {.name = STR("put")}};
    struct record whole, pieces;
    if (size < 2)
        return 0;
    enum template_family family = (enum template_family)(data[0] % 5);
    struct chat_request request = {.tools = tools,
                                   .tool_count = 2,
                                   .tool_choice = data[0] / 5 % 2 == 0 ? CHAT_TOOL_AUTO : CHAT_TOOL_ANY};
    struct str reply = {(const char *)data + 2, size - 2};
    split(family, &request, reply, SIZE_MAX / 2, &whole);
    split(family, &request, reply, (size_t)data[1] % 16 + 1, &pieces);
    assert(str_eq(buf_str(&whole.text), buf_str(&pieces.text)));
    buf_deinit(&whole.text);
    buf_deinit(&pieces.text);
    return 0;
}
