/* answer.c - replies become answers. Scores nothing. See answer.h. */
#include "eval/answer.h"

#include "core/json.h"

static enum error_code keep_blocks(const struct chat_reply *reply, struct arena *arena, struct answer *answer,
                                   struct error *error)
{
    struct chat_reply_block *kept = ARENA_ARRAY(arena, struct chat_reply_block, reply->block_count + 1);
    size_t count = 0;
    if (!kept)
        return error_no_memory(error);
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        if (block->kind != CHAT_TEXT && block->kind != CHAT_REFUSAL && block->kind != CHAT_TOOL_USE)
            continue;
        kept[count].kind = block->kind;
        if (!arena_str(arena, block->text, &kept[count].text) ||
            !arena_str(arena, block->tool_name, &kept[count].tool_name))
            return error_no_memory(error);
        count++;
    }
    *answer = (struct answer){.is_there = true,
                              .reply = {.blocks = kept,
                                        .block_count = count,
                                        .stop = reply->stop,
                                        .usage = reply->usage,
                                        .latency_ms = reply->latency_ms}};
    return OK;
}

enum error_code answer_read(struct str body, struct arena *arena, struct answer *answer, struct error *error)
{
    const struct codec *codec = codec_find(STR("converse"));
    struct arena scratch;
    struct chat_reply reply;
    yyjson_doc *doc = NULL;
    arena_init(&scratch, 0);
    enum error_code code = json_parse_exact(body, &doc, error);
    if (code == OK)
        code = codec->reply_parse(yyjson_doc_get_root(doc), &scratch, &reply, error);
    if (code == OK)
        code = keep_blocks(&reply, arena, answer, error);
    else if (code != ERROR_NO_MEMORY)
        code = answer_refuse(str_of(error->message), arena, answer, error);
    arena_deinit(&scratch);
    json_free(doc);
    return code;
}

enum error_code answer_of_text(struct str text, struct arena *arena, struct answer *answer, struct error *error)
{
    const struct chat_reply_block block = {.kind = CHAT_TEXT, .text = text};
    const struct chat_reply reply = {.blocks = &block, .block_count = 1};
    return keep_blocks(&reply, arena, answer, error);
}

enum error_code answer_refuse(struct str problem, struct arena *arena, struct answer *answer, struct error *error)
{
    *answer = (struct answer){0};
    return arena_str(arena, problem.len ? problem : STR("no reason was given"), &answer->problem)
               ? OK
               : error_no_memory(error);
}

bool answers_are_same(const struct answer *a, const struct answer *b)
{
    if (!a->is_there || !b->is_there || a->reply.block_count != b->reply.block_count)
        return false;
    for (size_t i = 0; i < a->reply.block_count; i++) {
        const struct chat_reply_block *x = &a->reply.blocks[i], *y = &b->reply.blocks[i];
        if (x->kind != y->kind || !str_eq(x->text, y->text) || !str_eq(x->tool_name, y->tool_name))
            return false;
    }
    return true;
}
