/* variants.c - requests for variants, and their replies. Judges no variant. See variants.h. */
#include "customize/variants.h"

#include <string.h>

#define SYSTEM_BYTES_MAX (1u << 20)
#define MESSAGE_BYTES_MAX (64u << 20)
#define MARGIN_TOKENS 16 /* of a variant that is longer than its message, quotes and comma included */
#define TEMPERATURE 0.8  /* the same message is asked about several times */

static const char instruction[] =
    "You are shown a message that a user has sent to an assistant. Write other messages that other users of the same "
    "assistant might send: about matters of the same kind, in the same language, of the same form and about the same "
    "length, but with other details and in other words. Do not answer the message. Reply with one JSON array of "
    "strings, a message each, and with nothing else.";

/* --- requests --------------------------------------------------------------------------------------- */

static uint32_t tokens_of(struct str message)
{
    return (uint32_t)(message.len / 2) + MARGIN_TOKENS;
}

uint32_t variants_fitting(struct str message, uint32_t most)
{
    const uint32_t fitting = VARIANTS_REPLY_TOKENS / tokens_of(message);
    const uint32_t least = fitting < VARIANTS_EACH ? fitting : VARIANTS_EACH;
    return least == 0 ? 1 : least < most ? least : most;
}

static void append_conversation(struct buf *out, const struct conversation *seed)
{
    if (seed->count == 1)
        return;
    buf_append_text(out, "<conversation>\n");
    for (size_t i = 0; i + 1 < seed->count; i++)
        buf_appendf(out, "%s: " STR_FMT "\n", seed->turns[i].is_assistant ? "assistant" : "user",
                    STR_ARG(seed->turns[i].content.text));
    buf_append_text(out, "</conversation>\n");
}

static void append_message(struct buf *out, const struct conversation *seed, uint32_t count, uint32_t turn)
{
    append_conversation(out, seed);
    buf_append_text(out, "<message>\n");
    buf_append_str(out, seed->turns[seed->count - 1].content.text);
    buf_appendf(out, "\n</message>\nWrite %u other message%s.", count, count == 1 ? "" : "s");
    if (turn > 0)
        buf_appendf(out, " You were shown this message %u time%s before; write others than then.", turn,
                    turn == 1 ? "" : "s");
}

/* What requests have in common comes first, so that it is read from the cache. */
bool variants_append_request(struct buf *out, const struct conversation *seed, uint32_t count, uint32_t turn,
                             const char *key)
{
    struct buf system, message;
    const uint32_t tokens = count * tokens_of(seed->turns[seed->count - 1].content.text) + 4 * MARGIN_TOKENS;
    const struct data_asking asking = {key, tokens < VARIANTS_REPLY_TOKENS ? tokens : VARIANTS_REPLY_TOKENS,
                                       TEMPERATURE};
    buf_init(&system, SYSTEM_BYTES_MAX);
    buf_init(&message, MESSAGE_BYTES_MAX);
    buf_append_text(&system, instruction);
    if (seed->system.len > 0) {
        buf_append_text(&system, "\n\nThe assistant was told:\n\n");
        buf_append_str(&system, seed->system);
    }
    append_message(&message, seed, count, turn);
    bool is_made = !system.failed && !message.failed;
    struct data_turn asked = {.content.text = buf_str(&message)};
    const struct conversation conversation = {.system = buf_str(&system), .turns = &asked, .count = 1};
    is_made = is_made && conversation_append_record(out, &conversation, &asking);
    buf_deinit(&system);
    buf_deinit(&message);
    return is_made;
}

/* --- replies ---------------------------------------------------------------------------------------- */

struct texts {
    struct str *items; /* [VARIANTS_EACH] */
    size_t count;
    uint32_t most;
};

static enum error_code add(struct texts *texts, struct str text, struct arena *arena, struct error *error)
{
    text = str_trim(text);
    if (text.len == 0 || texts->count == texts->most) /* more than were wanted were not paid for to be kept */
        return OK;
    return arena_str(arena, text, &texts->items[texts->count++]) ? OK : error_no_memory(error);
}

static enum error_code parse_array(struct str reply, struct texts *texts, struct arena *arena, struct error *error)
{
    yyjson_doc *doc = NULL;
    yyjson_val *item;
    size_t idx, max;
    enum error_code code = json_parse(reply, &doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_arr_foreach(root, idx, max, item)
    {
        if (code == OK && !yyjson_is_str(item))
            code = error_set(error, ERROR_INVALID, "item %zu of its array is no string", idx);
    }
    yyjson_arr_foreach(root, idx, max, item)
    {
        if (code == OK)
            code = add(texts, json_str(item), arena, error);
    }
    json_free(doc);
    return code;
}

enum mark { MARK_NONE, MARK_NUMBER, MARK_DASH, MARK_STAR, MARK_DOT };

/* The mark that a line begins with, which is taken off it. */
static enum mark take_mark(struct str *line)
{
    static const struct {
        const char *text;
        enum mark mark;
    } bullets[] = {{"- ", MARK_DASH}, {"* ", MARK_STAR}, {"\xe2\x80\xa2 ", MARK_DOT}};
    size_t digits = 0;
    for (size_t i = 0; i < sizeof(bullets) / sizeof(bullets[0]); i++)
        if (str_starts(*line, str_of(bullets[i].text))) {
            *line = str_slice(*line, strlen(bullets[i].text), line->len);
            return bullets[i].mark;
        }
    while (digits < line->len && digits < 4 && line->data[digits] >= '0' && line->data[digits] <= '9')
        digits++;
    if (digits == 0 || digits + 1 >= line->len || (line->data[digits] != '.' && line->data[digits] != ')') ||
        line->data[digits + 1] != ' ')
        return MARK_NONE;
    *line = str_slice(*line, digits + 2, line->len);
    return MARK_NUMBER;
}

static enum error_code parse_lines(struct str reply, struct texts *texts, struct arena *arena, struct error *error)
{
    struct str line;
    enum mark first = MARK_NONE;
    size_t lines = 0;
    enum error_code code = OK;
    while (code == OK && str_split(&reply, '\n', &line)) {
        line = str_trim(line);
        if (line.len == 0)
            continue;
        const enum mark mark = take_mark(&line);
        if (lines++ > 0 && mark != first)
            return error_set(error, ERROR_INVALID, "its lines are not marked alike");
        first = mark;
        code = add(texts, line, arena, error);
    }
    if (code == OK && first == MARK_NONE && (lines != texts->most || lines < 2))
        code = error_set(error, ERROR_INVALID, "it is neither a JSON array nor a list of %u lines", texts->most);
    return code;
}

enum error_code variants_parse(struct str reply, uint32_t count, struct arena *arena, struct str texts[VARIANTS_EACH],
                               size_t *found, struct error *error)
{
    struct texts list = {texts, 0, count < VARIANTS_EACH ? count : VARIANTS_EACH};
    const struct str body = json_without_fence(reply);
    enum error_code code = str_starts(body, STR("[")) ? parse_array(body, &list, arena, error)
                                                      : parse_lines(body, &list, arena, error);
    *found = list.count;
    if (code == OK && list.count == 0)
        code = error_set(error, ERROR_INVALID, "there is no prompt in it");
    return code;
}
