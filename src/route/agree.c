/* agree.c - see agree.h. */
#include "route/agree.h"

#include "chat/json_schema_check.h"
#include "core/json.h"

#define SAID_MAX (64u << 20)

static size_t count_calls(const struct chat_reply *reply)
{
    size_t count = 0;
    for (size_t i = 0; i < reply->block_count; i++)
        count += reply->blocks[i].kind == CHAT_TOOL_USE;
    return count;
}

/* What the reply was meant to be may be another thing. */
static bool is_cut_off(const struct chat_reply *reply)
{
    return reply->stop == CHAT_STOP_MAX_TOKENS || reply->stop == CHAT_STOP_CONTEXT_WINDOW ||
           reply->stop == CHAT_STOP_PAUSE;
}

bool reply_append_texts(struct buf *out, const struct chat_reply *reply)
{
    for (size_t i = 0; i < reply->block_count; i++)
        if (reply->blocks[i].kind == CHAT_TEXT || reply->blocks[i].kind == CHAT_REFUSAL)
            buf_append_str(out, reply->blocks[i].text);
    return !out->failed;
}

bool reply_append_said(struct buf *out, const struct chat_reply *reply)
{
    reply_append_texts(out, reply);
    for (size_t i = 0; i < reply->block_count; i++) {
        const struct chat_reply_block *block = &reply->blocks[i];
        if (block->kind != CHAT_TOOL_USE)
            continue;
        buf_append_text(out, out->len > 0 ? "\n{\"call\":" : "{\"call\":");
        buf_append_json(out, block->tool_name);
        buf_append_text(out, ",\"input\":");
        buf_append_str(out, block->text.len > 0 ? block->text : STR("{}"));
        buf_append_char(out, '}');
    }
    return !out->failed;
}

/* --- tool calls -------------------------------------------------------------------------------------- */

static bool is_same_json(struct str a, struct str b)
{
    yyjson_doc *left = NULL, *right = NULL;
    struct error ignored;
    const bool is_same = json_parse_exact(a, &left, &ignored) == OK && json_parse_exact(b, &right, &ignored) == OK &&
                         json_schema_same(yyjson_doc_get_root(left), yyjson_doc_get_root(right));
    json_free(left);
    json_free(right);
    return is_same;
}

static struct str input_of(const struct chat_reply_block *call)
{
    return call->text.len > 0 ? call->text : STR("{}");
}

static bool is_same_call(const struct chat_reply_block *a, const struct chat_reply_block *b)
{
    return str_eq(a->tool_name, b->tool_name) &&
           (str_eq(a->text, b->text) || is_same_json(input_of(a), input_of(b)));
}

/* Each call of the one is a call of the other; `taken` has a flag for each block of the other. */
static bool has_same_calls(const struct chat_reply *reply, const struct chat_reply *other, bool *taken)
{
    for (size_t i = 0; i < reply->block_count; i++) {
        size_t at = 0;
        if (reply->blocks[i].kind != CHAT_TOOL_USE)
            continue;
        while (at < other->block_count && (taken[at] || other->blocks[at].kind != CHAT_TOOL_USE ||
                                           !is_same_call(&reply->blocks[i], &other->blocks[at])))
            at++;
        if (at == other->block_count)
            return false;
        taken[at] = true;
    }
    return true;
}

enum error_code replies_same_calls(const struct chat_reply *reply, const struct chat_reply *other, bool *is_same,
                                   struct error *error)
{
    bool *taken = mem_calloc(other->block_count + 1, sizeof(*taken));
    if (!taken)
        return error_no_memory(error);
    *is_same = count_calls(reply) == count_calls(other) && has_same_calls(reply, other, taken);
    mem_free(taken);
    return OK;
}

static enum error_code compare_calls(const struct chat_reply *strongest, const struct chat_reply *other,
                                     enum agreement *agreement, struct error *error)
{
    bool is_same = false;
    const enum error_code code = replies_same_calls(strongest, other, &is_same, error);
    *agreement = code != OK ? AGREE_UNKNOWN : is_same ? AGREE_YES : AGREE_NO;
    return code;
}

/* --- texts ------------------------------------------------------------------------------------------- */

static yyjson_doc *parse(struct str text)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    return json_parse_exact(json_without_fence(text), &doc, &ignored) == OK ? doc : NULL;
}

bool text_is_json_container(struct str text)
{
    yyjson_doc *doc = parse(text);
    const bool is_container = yyjson_is_ctn(yyjson_doc_get_root(doc));
    json_free(doc);
    return is_container;
}

enum agreement texts_same_json(struct str a, struct str b)
{
    yyjson_doc *left = parse(a), *right = parse(b);
    enum agreement agreement = left || right ? AGREE_NO : AGREE_UNKNOWN;
    if (left && right && (str_eq(a, b) || json_schema_same(yyjson_doc_get_root(left), yyjson_doc_get_root(right))))
        agreement = AGREE_YES; /* a member that is there twice is found once: the same text needs no look */
    json_free(left);
    json_free(right);
    return agreement;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* White space of other scripts and of typesetters: U+00A0, U+2000 to U+200B, U+2028, U+2029, U+202F, U+205F, U+3000. */
static size_t wide_space(struct str text)
{
    if (str_starts(text, STR("\xc2\xa0")))
        return 2;
    if (text.len < 3)
        return 0;
    const uint8_t *at = (const uint8_t *)text.data;
    const uint32_t code = (uint32_t)(at[0] & 0xf) << 12 | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
    const bool is_one = at[0] >> 4 == 0xe && ((code >= 0x2000 && code <= 0x200b) || code == 0x2028 || code == 0x2029 ||
                                              code == 0x202f || code == 0x205f || code == 0x3000);
    return is_one ? 3 : 0;
}

/* Each run of white space becomes one space; none at the ends. */
static bool fold(struct str text, struct buf *out)
{
    bool is_owed = false;
    for (size_t i = 0; i < text.len;) {
        const size_t wide = is_space(text.data[i]) ? 1 : wide_space(str_slice(text, i, text.len));
        if (wide > 0) {
            is_owed = out->len > 0;
            i += wide;
            continue;
        }
        if (is_owed)
            buf_append_char(out, ' ');
        is_owed = false;
        buf_append_char(out, text.data[i++]);
    }
    return !out->failed;
}

static enum agreement compare_said(const struct buf said[2], const struct buf folded[2], bool is_other_cut,
                                   const char **by)
{
    yyjson_doc *left = parse(buf_str(&said[0])), *right = parse(buf_str(&said[1]));
    const struct str a = buf_str(&folded[0]), b = buf_str(&folded[1]);
    enum agreement agreement = AGREE_UNKNOWN;
    const bool is_container = yyjson_is_ctn(yyjson_doc_get_root(left));
    *by = left && (right || is_container) ? "json" : "text";
    if (left && right)
        agreement = json_schema_same(yyjson_doc_get_root(left), yyjson_doc_get_root(right)) ? AGREE_YES : AGREE_NO;
    else if (is_container)
        agreement = AGREE_NO;
    else if (a.len <= AGREE_TEXT_MAX)
        agreement = str_eq(a, b) && !is_other_cut ? AGREE_YES : AGREE_NO;
    json_free(left);
    json_free(right);
    return agreement;
}

static enum error_code compare_texts(const struct chat_reply *strongest, const struct chat_reply *other,
                                     enum agreement *agreement, const char **by, struct error *error)
{
    struct buf said[2], folded[2];
    const struct chat_reply *replies[2] = {strongest, other};
    bool fits = true;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&said[i], SAID_MAX);
        buf_init(&folded[i], SAID_MAX);
        fits = reply_append_texts(&said[i], replies[i]) && fits && fold(buf_str(&said[i]), &folded[i]);
    }
    if (fits)
        *agreement = compare_said(said, folded, is_cut_off(other), by);
    for (size_t i = 0; i < 2; i++) {
        buf_deinit(&said[i]);
        buf_deinit(&folded[i]);
    }
    return fits ? OK : error_no_memory(error);
}

enum error_code replies_agree(const struct chat_reply *strongest, const struct chat_reply *other,
                              enum agreement *agreement, const char **by, struct error *error)
{
    *agreement = AGREE_UNKNOWN;
    *by = "tool";
    if (is_cut_off(strongest))
        return OK;
    if (count_calls(strongest) > 0)
        return compare_calls(strongest, other, agreement, error);
    if (count_calls(other) > 0) {
        *agreement = AGREE_NO;
        return OK;
    }
    return compare_texts(strongest, other, agreement, by, error);
}
