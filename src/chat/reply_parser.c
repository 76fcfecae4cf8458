/* reply_parser.c - holds back what may become a tool call, and passes on all else. Which marks there are is the
 * family's. See reply_parser.h. */
#include "chat/reply_parser.h"

#include "chat/json_scan.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"

/* Calls, by family:
 *
 *   Hermes   text <tool_call>\n{"name": N, "arguments": {...}}\n</tool_call> ...
 *   Llama 3  {"name": N, "parameters": {...}}, from the reply's first byte,
 *            with <|python_tag|> before it or not; more of them behind ';'
 *   Mistral  text [TOOL_CALLS][{"name": N, "arguments": {...}}, ...], without
 *            the marker when the reply begins with the array (tokenisers hide it)
 *
 * Every byte goes through one state. `held` keeps what may yet turn out to be
 * text: white space and the beginning of a marker, or a call whose name is not
 * known. Once it is, the block opens and the arguments are passed on as they
 * come. */
enum state {
    STATE_TEXT,
    STATE_OPENING,    /* behind the marker, before the call's '{' */
    STATE_CALL,
    STATE_AFTER_CALL, /* behind the call's '}' */
    STATE_SKIP,       /* the rest of a call that broke after its block had opened */
};

/* What the value being read in a call is. */
enum member { MEMBER_NONE, MEMBER_NAME, MEMBER_ARGUMENTS, MEMBER_OTHER };

#define TOOL_NAME_MAX 256
#define SPACE_HELD_MAX 64 /* white space before a call; more is text at once */
#define HELD_OPENING_MAX 128 /* white space, marker, white space */

struct reply_parser {
    enum template_family family;
    const struct chat_request *request;
    const struct chat_sink *sink;
    struct str marker, end_marker;
    bool has_tools, drops_broken;

    enum state state;
    struct buf held;
    struct buf out;     /* of the open block, passed on at the end of each feed */
    bool is_block_open;
    enum chat_block_kind block_kind;
    size_t block_index; /* of the open block, or of the next one */
    bool is_at_start;   /* nothing but white space came yet */
    bool has_marker;    /* the call at hand was announced by one */
    bool in_array;

    struct json_scan scan;
    struct buf word;    /* member's key, then the name's JSON text */
    enum member member;
    bool in_value;
    const struct chat_tool *tool; /* NULL until the name is known */
    bool has_arguments;
    size_t arguments_from, arguments_to; /* in held, while the name is not known */

    size_t fed;      /* bytes, up to the one that is being read */
    size_t text_end; /* of them, where the text in `out` ends */
    void (*on_text)(void *ctx, size_t index, size_t from, size_t to); /* NULL: nobody asks */
    void *on_text_ctx;

    size_t tool_use_count;
    bool has_malformed_call;
};

struct reply_parser *reply_parser_new(enum template_family family, const struct chat_request *request,
                                      const struct chat_sink *sink)
{
    struct reply_parser *parser = mem_calloc(1, sizeof(*parser));
    if (parser == NULL)
        return NULL;
    *parser = (struct reply_parser){
        .family = family,
        .request = request,
        .sink = sink,
        .marker = family == TEMPLATE_LLAMA3    ? STR("<|python_tag|>")
                  : family == TEMPLATE_MISTRAL ? STR("[TOOL_CALLS]")
                                               : STR("<tool_call>"),
        .end_marker = STR("</tool_call>"),
        .has_tools = request->tool_count > 0 && request->tool_choice != CHAT_TOOL_NONE,
        .drops_broken = request->tool_choice == CHAT_TOOL_ANY || request->tool_choice == CHAT_TOOL_NAMED,
        .is_at_start = true,
    };
    buf_init(&parser->held, limit(response_buffer_bytes));
    buf_init(&parser->out, 2 * limit(response_buffer_bytes)); /* room for all that was held */
    buf_init(&parser->word, TOOL_NAME_MAX);
    return parser;
}

void reply_parser_on_text(struct reply_parser *parser, void (*on_text)(void *ctx, size_t index, size_t from, size_t to),
                          void *ctx)
{
    parser->on_text = on_text;
    parser->on_text_ctx = ctx;
}

void reply_parser_free(struct reply_parser *parser)
{
    if (parser == NULL)
        return;
    buf_deinit(&parser->held);
    buf_deinit(&parser->out);
    buf_deinit(&parser->word);
    mem_free(parser);
}

/* ---- blocks ---- */

/* Bytes at the end that are the beginning of a character. */
static size_t unfinished_tail(struct str text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        unsigned char c = (unsigned char)text.data[text.len - back];
        size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
        if ((c & 0xC0) == 0x80)
            continue;
        return need > back ? back : 0;
    }
    return 0;
}

static void pass_on(struct reply_parser *parser, bool is_final)
{
    struct str text = buf_str(&parser->out);
    size_t ready = text.len - (is_final ? 0 : unfinished_tail(text));
    if (ready == 0)
        return;
    if (parser->on_text != NULL && parser->block_kind == CHAT_TEXT) {
        const size_t from = parser->text_end - text.len;
        parser->on_text(parser->on_text_ctx, parser->block_index, from, from + ready);
    }
    parser->sink->block_delta(parser->sink->ctx, parser->block_index, parser->block_kind, str_slice(text, 0, ready));
    buf_consume(&parser->out, ready);
}

static void close_block(struct reply_parser *parser)
{
    if (!parser->is_block_open)
        return;
    pass_on(parser, true);
    parser->sink->block_stop(parser->sink->ctx, parser->block_index++, parser->block_kind);
    parser->is_block_open = false;
}

static void open_block(struct reply_parser *parser, enum chat_block_kind kind, struct str id, struct str name)
{
    close_block(parser);
    parser->is_block_open = true;
    parser->block_kind = kind;
    parser->sink->block_start(parser->sink->ctx, parser->block_index, kind, id, name);
}

/* `end`: of all that was fed, where the text ends. */
static void add_text(struct reply_parser *parser, struct str text, size_t end)
{
    if (text.len == 0)
        return;
    if (!parser->is_block_open || parser->block_kind != CHAT_TEXT)
        open_block(parser, CHAT_TEXT, STR(""), STR(""));
    parser->is_at_start = false;
    buf_append_str(&parser->out, text);
    parser->text_end = end;
}

static void open_tool_use(struct reply_parser *parser)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char id[8 + 22] = "tooluse_";
    unsigned char random[22];
    random_bytes(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        id[8 + i] = letters[random[i] % (sizeof(letters) - 1)];
    parser->tool_use_count++;
    open_block(parser, CHAT_TOOL_USE, (struct str){id, sizeof(id)}, parser->tool->name);
}

/* ---- calls ---- */

static void read_text_byte(struct reply_parser *parser, char c);
static void read_skipped_byte(struct reply_parser *parser, char c);

/* What looked like a call is none: it becomes text. `next` is the byte that
 * said so; it may begin something and is not in held. */
static void call_is_text(struct reply_parser *parser, char next)
{
    if (parser->has_marker || parser->drops_broken)
        parser->has_malformed_call = true;
    if (!parser->drops_broken)
        add_text(parser, buf_str(&parser->held), parser->fed - 1);
    parser->is_at_start = false;
    buf_clear(&parser->held);
    parser->state = STATE_TEXT;
    parser->in_array = false;
    read_text_byte(parser, next);
}

static void call_broke(struct reply_parser *parser, char next)
{
    if (parser->tool == NULL) {
        call_is_text(parser, next);
        return;
    }
    parser->has_malformed_call = true;
    close_block(parser);
    parser->state = STATE_SKIP;
    read_skipped_byte(parser, next);
}

static void start_call(struct reply_parser *parser)
{
    parser->state = STATE_CALL;
    parser->scan = (struct json_scan){0};
    parser->member = MEMBER_NONE;
    parser->in_value = false;
    parser->tool = NULL;
    parser->has_arguments = false;
    parser->arguments_from = parser->arguments_to = 0;
    buf_clear(&parser->word);
}

static enum member member_of_key(struct str key)
{
    if (str_eq(key, STR("\"name\"")))
        return MEMBER_NAME;
    if (str_eq(key, STR("\"arguments\"")) || str_eq(key, STR("\"parameters\"")))
        return MEMBER_ARGUMENTS;
    return MEMBER_OTHER;
}

/* Members that calls are known to have. Any other one before the name means
 * that this is some JSON text and no call. */
static bool may_precede_name(struct str key)
{
    return str_eq(key, STR("\"id\"")) || str_eq(key, STR("\"type\""));
}

static const struct chat_tool *tool_named(struct reply_parser *parser, struct str json)
{
    const struct chat_tool *found = NULL;
    yyjson_doc *doc = NULL;
    struct error error;
    enum error_code code = json_parse(json, &doc, &error);
    if (code == ERROR_NO_MEMORY)
        parser->out.failed = true;
    if (code != OK)
        return NULL;
    struct str name = json_str(yyjson_doc_get_root(doc));
    for (size_t i = 0; i < parser->request->tool_count; i++)
        if (str_eq(parser->request->tools[i].name, name))
            found = &parser->request->tools[i];
    json_free(doc);
    return found;
}

/* The name is complete: opens the block with what came of the arguments. */
static bool name_is_known(struct reply_parser *parser)
{
    parser->tool = tool_named(parser, buf_str(&parser->word));
    if (parser->tool == NULL)
        return false;
    open_tool_use(parser);
    parser->is_at_start = false;
    buf_append_str(&parser->out, str_slice(buf_str(&parser->held), parser->arguments_from, parser->arguments_to));
    buf_clear(&parser->held);
    return true;
}

static bool take_key_byte(struct reply_parser *parser, char c)
{
    if (!buf_append_char(&parser->word, c))
        return false;
    if (parser->scan.state != JSON_SCAN_COLON)
        return true;
    struct str key = buf_str(&parser->word);
    parser->member = member_of_key(key);
    bool is_again = parser->member == MEMBER_NAME ? parser->tool != NULL
                                                  : parser->member == MEMBER_ARGUMENTS && parser->has_arguments;
    bool is_stranger = parser->member == MEMBER_OTHER && parser->tool == NULL && !may_precede_name(key);
    buf_clear(&parser->word);
    return !is_again && !is_stranger;
}

static bool begin_value(struct reply_parser *parser, char c)
{
    parser->in_value = true;
    if (parser->member == MEMBER_NAME)
        return c == '"';
    if (parser->member != MEMBER_ARGUMENTS)
        return true;
    parser->has_arguments = true;
    parser->arguments_from = parser->held.len;
    return c == '{';
}

/* A byte of a member's value. While the name is not known, it is about to be held. */
static bool take_value_byte(struct reply_parser *parser, char c)
{
    if (parser->member == MEMBER_NAME)
        return buf_append_char(&parser->word, c);
    if (parser->member == MEMBER_ARGUMENTS && parser->tool != NULL)
        buf_append_char(&parser->out, c);
    else if (parser->member == MEMBER_ARGUMENTS)
        parser->arguments_to = parser->held.len + 1;
    return true;
}

static bool end_value(struct reply_parser *parser)
{
    parser->in_value = false;
    if (parser->member == MEMBER_NAME && !name_is_known(parser))
        return false;
    parser->member = MEMBER_NONE;
    buf_clear(&parser->word);
    return true;
}

static bool is_number_state(enum json_scan_state state)
{
    return state >= JSON_SCAN_MINUS && state <= JSON_SCAN_EXPONENT;
}

static void end_call(struct reply_parser *parser)
{
    if (parser->tool == NULL) { /* a whole object without a name */
        parser->held.len--;
        call_is_text(parser, '}');
        return;
    }
    if (!parser->has_arguments)
        buf_append_text(&parser->out, "{}");
    close_block(parser);
    parser->state = STATE_AFTER_CALL;
}

/* Follows the members of the call's object by what the scan did with c. */
static bool follow_members(struct reply_parser *parser, struct json_scan before, char c)
{
    const struct json_scan *scan = &parser->scan;
    bool is_outermost = before.depth == 1;
    if (!parser->in_value && is_outermost && (before.state == JSON_SCAN_VALUE) && !json_is_space(c) &&
        !begin_value(parser, c))
        return false;
    if (!parser->in_value) {
        bool is_key = is_outermost && (scan->state == JSON_SCAN_STRING || scan->state == JSON_SCAN_ESCAPE ||
                                       scan->state == JSON_SCAN_HEX || before.state == JSON_SCAN_STRING);
        return !is_key || take_key_byte(parser, c);
    }
    bool is_behind = is_outermost && is_number_state(before.state) && !is_number_state(scan->state);
    if (!is_behind && !take_value_byte(parser, c))
        return false;
    bool has_ended = is_behind || (scan->depth == 1 && scan->state == JSON_SCAN_COMMA_OR_END);
    return !has_ended || end_value(parser);
}

static void read_call_byte(struct reply_parser *parser, char c)
{
    struct json_scan before = parser->scan;
    bool is_held_full = parser->held.len == parser->held.max;
    if (is_held_full || !json_scan_byte(&parser->scan, c) || !follow_members(parser, before, c)) {
        call_broke(parser, c);
        return;
    }
    if (parser->tool == NULL)
        buf_append_char(&parser->held, c);
    if (parser->scan.state == JSON_SCAN_DONE)
        end_call(parser);
}

/* Behind the marker: white space, for Mistral an array, then the call. */
static void read_opening_byte(struct reply_parser *parser, char c)
{
    if (c == '{') {
        start_call(parser);
        read_call_byte(parser, c);
        return;
    }
    bool opens_array = c == '[' && parser->family == TEMPLATE_MISTRAL && !parser->in_array;
    if ((!opens_array && !json_is_space(c)) || parser->held.len > HELD_OPENING_MAX) {
        call_is_text(parser, c);
        return;
    }
    parser->in_array = parser->in_array || opens_array;
    buf_append_char(&parser->held, c);
}

static void to_text(struct reply_parser *parser, char c)
{
    parser->state = STATE_TEXT;
    parser->in_array = false;
    read_text_byte(parser, c);
}

/* Hermes: the end marker, or text when something else comes. */
static void read_end_marker_byte(struct reply_parser *parser, char c)
{
    if (parser->held.len == 0 && json_is_space(c))
        return;
    buf_append_char(&parser->held, c);
    struct str held = buf_str(&parser->held);
    if (str_eq(held, parser->end_marker)) {
        buf_clear(&parser->held);
        parser->state = STATE_TEXT;
    } else if (!str_starts(parser->end_marker, held)) {
        char copy[16];
        size_t len = held.len;
        memcpy(copy, held.data, len);
        buf_clear(&parser->held);
        parser->state = STATE_TEXT;
        parser->fed -= len;
        for (size_t i = 0; i < len; i++) {
            parser->fed++;
            read_text_byte(parser, copy[i]);
        }
    }
}

static void read_after_call_byte(struct reply_parser *parser, char c)
{
    parser->has_marker = parser->in_array;
    switch (parser->family) {
    case TEMPLATE_LLAMA3:
        if (json_is_space(c) || c == ';')
            return;
        if (c == '{')
            read_opening_byte(parser, c);
        else
            to_text(parser, c);
        return;
    case TEMPLATE_MISTRAL:
        if (json_is_space(c))
            return;
        if (parser->in_array && c == ',')
            parser->state = STATE_OPENING;
        else if (parser->in_array && c == ']')
            parser->in_array = false;
        else
            to_text(parser, c);
        return;
    case TEMPLATE_CHATML:
    case TEMPLATE_GEMMA:
    case TEMPLATE_GENERIC:
        read_end_marker_byte(parser, c);
        return;
    }
}

/* ---- text ---- */

enum match { MATCH_NONE, MATCH_PART, MATCH_WHOLE };

/* Whether `rest` (no white space before it) is, or may become, an opening. */
static enum match match_opening(const struct reply_parser *parser, struct str rest)
{
    if (rest.len == 0)
        return MATCH_PART;
    /* JSON by a schema: what it quotes is no call. */
    if (parser->request->output_schema != NULL && !parser->is_at_start)
        return MATCH_NONE;
    if (str_starts(parser->marker, rest))
        return rest.len == parser->marker.len ? MATCH_WHOLE : MATCH_PART;
    if (!parser->is_at_start)
        return MATCH_NONE;
    if (parser->family == TEMPLATE_LLAMA3 && rest.data[0] == '{')
        return MATCH_WHOLE;
    if (parser->family != TEMPLATE_MISTRAL || rest.data[0] != '[')
        return MATCH_NONE;
    struct str behind = str_trim(str_slice(rest, 1, rest.len));
    if (behind.len == 0)
        return MATCH_PART;
    return str_eq(behind, STR("{")) ? MATCH_WHOLE : MATCH_NONE;
}

static struct str without_leading_space(struct str text)
{
    size_t from = 0;
    while (from < text.len && json_is_space(text.data[from]))
        from++;
    return str_slice(text, from, text.len);
}

/* The whole opening is in held; its last byte may be the call's own. */
static void open_call(struct reply_parser *parser)
{
    struct str rest = without_leading_space(buf_str(&parser->held));
    parser->state = STATE_OPENING;
    parser->has_marker = str_eq(rest, parser->marker);
    parser->in_array = !parser->has_marker && parser->family == TEMPLATE_MISTRAL;
    if (parser->has_marker)
        return;
    parser->held.len--;
    read_opening_byte(parser, '{');
}

/* Holds white space and what may be the beginning of an opening; the rest is text. */
static void read_text_byte(struct reply_parser *parser, char c)
{
    buf_append_char(&parser->held, c);
    while (parser->held.len > 0) {
        struct str held = buf_str(&parser->held);
        struct str rest = without_leading_space(held);
        enum match match = match_opening(parser, rest);
        if (match == MATCH_WHOLE) {
            open_call(parser);
            return;
        }
        if (match == MATCH_PART && held.len - rest.len <= SPACE_HELD_MAX)
            return;
        size_t len = held.len - rest.len + (match == MATCH_NONE);
        add_text(parser, str_slice(held, 0, len), parser->fed - (held.len - len));
        buf_consume(&parser->held, len);
    }
}

/* ---- the stream ---- */

static void read_skipped_byte(struct reply_parser *parser, char c)
{
    buf_append_char(&parser->held, c);
    while (parser->held.len > 0 && !str_starts(parser->end_marker, buf_str(&parser->held)))
        buf_consume(&parser->held, 1);
    if (parser->held.len < parser->end_marker.len)
        return;
    buf_clear(&parser->held);
    parser->state = STATE_TEXT;
}

static void read_byte(struct reply_parser *parser, char c)
{
    switch (parser->state) {
    case STATE_TEXT:
        read_text_byte(parser, c);
        break;
    case STATE_OPENING:
        read_opening_byte(parser, c);
        break;
    case STATE_CALL:
        read_call_byte(parser, c);
        break;
    case STATE_AFTER_CALL:
        read_after_call_byte(parser, c);
        break;
    case STATE_SKIP:
        read_skipped_byte(parser, c);
        break;
    }
}

/* Longest text without a byte that could matter, so that plain text is not
 * taken apart. */
static size_t plain_prefix(const struct reply_parser *parser, struct str text)
{
    if (!parser->has_tools)
        return text.len;
    if (parser->state != STATE_TEXT || parser->held.len > 0 || parser->is_at_start)
        return 0;
    size_t len = 0;
    while (len < text.len && text.data[len] != parser->marker.data[0] && !json_is_space(text.data[len]))
        len++;
    return len;
}

enum error_code reply_parser_feed(struct reply_parser *parser, struct str text, struct error *error)
{
    while (text.len > 0) {
        size_t plain = plain_prefix(parser, text);
        parser->fed += plain;
        add_text(parser, str_slice(text, 0, plain), parser->fed);
        text = str_slice(text, plain, text.len);
        if (text.len > 0) {
            parser->fed++;
            read_byte(parser, text.data[0]);
            text = str_slice(text, 1, text.len);
        }
    }
    if (parser->held.failed || parser->out.failed)
        return error_no_memory(error);
    if (parser->is_block_open)
        pass_on(parser, false);
    return OK;
}

/* Behind a call, white space and a cut end marker mean nothing. */
static void finish_text(struct reply_parser *parser)
{
    bool is_behind_call = parser->tool_use_count > 0 && !parser->is_block_open;
    if (parser->state == STATE_AFTER_CALL ||
        (is_behind_call && without_leading_space(buf_str(&parser->held)).len == 0))
        return;
    add_text(parser, buf_str(&parser->held), parser->fed);
}

/* What the end of the text makes of a call that is not complete. */
static void finish_call(struct reply_parser *parser)
{
    bool is_named = parser->state == STATE_CALL && parser->tool != NULL;
    if (is_named || parser->has_marker || parser->drops_broken)
        parser->has_malformed_call = true;
    if (!is_named && !parser->drops_broken)
        add_text(parser, buf_str(&parser->held), parser->fed);
}

enum error_code reply_parser_finish(struct reply_parser *parser, struct error *error)
{
    if (parser->state == STATE_CALL || parser->state == STATE_OPENING)
        finish_call(parser);
    else if (parser->state != STATE_SKIP)
        finish_text(parser);
    buf_clear(&parser->held);
    parser->state = STATE_TEXT;
    if (parser->out.failed)
        return error_no_memory(error);
    close_block(parser);
    return OK;
}

size_t reply_parser_tool_use_count(const struct reply_parser *parser)
{
    return parser->tool_use_count;
}

bool reply_parser_has_malformed_call(const struct reply_parser *parser)
{
    return parser->has_malformed_call;
}
