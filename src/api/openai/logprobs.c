/* logprobs.c - see logprobs.h. */
#include "api/openai/logprobs.h"

static void append_number(struct buf *out, float value)
{
    if (value == 0)
        buf_append_char(out, '0'); /* without the sign that it has */
    else
        buf_appendf(out, "%.9g", (double)value);
}

/* `prefix` stands before bytes that are no text. */
static void append_token(struct buf *out, struct str bytes, const char *prefix)
{
    if (str_is_utf8(bytes)) {
        buf_append_json(out, bytes);
        return;
    }
    buf_appendf(out, "\"%s", prefix);
    for (size_t i = 0; i < bytes.len; i++)
        buf_appendf(out, "\\\\x%02x", (unsigned)(uint8_t)bytes.data[i]);
    buf_append_char(out, '"');
}

struct openai_piece *openai_pieces(struct arena *arena, const struct chat_reply *reply, size_t *count)
{
    struct openai_piece *pieces = ARENA_ARRAY(arena, struct openai_piece, reply->block_count + 1);
    *count = 0;
    for (size_t i = 0; pieces && i < reply->block_count; i++)
        if (reply->blocks[i].kind == CHAT_TEXT)
            pieces[(*count)++] = (struct openai_piece){reply->blocks[i].text, reply->blocks[i].logprobs,
                                                       reply->blocks[i].logprob_count};
    return pieces;
}

/* --- chat completions, Responses -------------------------------------------------------------------- */

/* {"token":...,"logprob":...,"bytes":[...] */
static void append_one(struct buf *out, const struct logprob *one)
{
    buf_append_text(out, "{\"token\":");
    append_token(out, one->bytes, "");
    buf_append_text(out, ",\"logprob\":");
    append_number(out, one->value);
    buf_append_text(out, ",\"bytes\":[");
    for (size_t i = 0; i < one->bytes.len; i++)
        buf_appendf(out, "%s%u", i > 0 ? "," : "", (unsigned)(uint8_t)one->bytes.data[i]);
    buf_append_char(out, ']');
}

static void append_place(struct buf *out, const struct token_logprob *token)
{
    append_one(out, &token->chosen);
    buf_append_text(out, ",\"top_logprobs\":[");
    for (size_t i = 0; i < token->top_count; i++) {
        buf_append_text(out, i > 0 ? "," : "");
        append_one(out, &token->top[i]);
        buf_append_char(out, '}');
    }
    buf_append_text(out, "]}");
}

void openai_append_logprobs(struct buf *out, const struct openai_piece *pieces, size_t count)
{
    bool is_first = true;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < pieces[i].count; k++, is_first = false) {
            buf_append_text(out, is_first ? "" : ",");
            append_place(out, &pieces[i].tokens[k]);
        }
}

/* --- plain completions ------------------------------------------------------------------------------ */

size_t openai_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.data[i] & 0xC0) != 0x80;
    return count;
}

struct legacy {
    struct buf *out;
    size_t offset;
};

static void append_name(struct legacy *legacy, const struct token_logprob *token, const struct openai_piece *piece)
{
    (void)piece;
    append_token(legacy->out, token->chosen.bytes, "bytes:");
}

static void append_value(struct legacy *legacy, const struct token_logprob *token, const struct openai_piece *piece)
{
    (void)piece;
    append_number(legacy->out, token->chosen.value);
}

static void append_pair(struct buf *out, const struct logprob *one, bool is_first)
{
    buf_append_text(out, is_first ? "" : ",");
    append_token(out, one->bytes, "bytes:");
    buf_append_char(out, ':');
    append_number(out, one->value);
}

static bool has_earlier(const struct token_logprob *token, size_t count, struct str bytes)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(token->top[i].bytes, bytes))
            return true;
    return false;
}

/* The chosen one is always among them; of tokens that read alike the likelier counts, for they are one member. */
static void append_top(struct legacy *legacy, const struct token_logprob *token, const struct openai_piece *piece)
{
    (void)piece;
    buf_append_char(legacy->out, '{');
    for (size_t i = 0; i < token->top_count; i++)
        if (!has_earlier(token, i, token->top[i].bytes))
            append_pair(legacy->out, &token->top[i], i == 0);
    if (!has_earlier(token, token->top_count, token->chosen.bytes))
        append_pair(legacy->out, &token->chosen, token->top_count == 0);
    buf_append_char(legacy->out, '}');
}

static void append_offset(struct legacy *legacy, const struct token_logprob *token, const struct openai_piece *piece)
{
    buf_appendf(legacy->out, "%zu", legacy->offset + openai_characters(str_slice(piece->text, 0, token->at)));
}

static void append_list(struct legacy *legacy, const char *name, const struct openai_piece *pieces, size_t count,
                        void (*append)(struct legacy *legacy, const struct token_logprob *token,
                                       const struct openai_piece *piece))
{
    const size_t offset = legacy->offset;
    bool is_first = true;
    buf_appendf(legacy->out, "\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < pieces[i].count; k++, is_first = false) {
            buf_append_text(legacy->out, is_first ? "" : ",");
            append(legacy, &pieces[i].tokens[k], &pieces[i]);
        }
        legacy->offset += openai_characters(pieces[i].text);
    }
    legacy->offset = offset;
    buf_append_char(legacy->out, ']');
}

void openai_append_legacy_logprobs(struct buf *out, const struct openai_piece *pieces, size_t count, size_t offset,
                                   bool has_top)
{
    struct legacy legacy = {.out = out, .offset = offset};
    buf_append_char(out, '{');
    append_list(&legacy, "tokens", pieces, count, append_name);
    buf_append_char(out, ',');
    append_list(&legacy, "token_logprobs", pieces, count, append_value);
    buf_append_char(out, ',');
    if (has_top)
        append_list(&legacy, "top_logprobs", pieces, count, append_top);
    else
        buf_append_text(out, "\"top_logprobs\":null");
    buf_append_char(out, ',');
    append_list(&legacy, "text_offset", pieces, count, append_offset);
    buf_append_char(out, '}');
}
