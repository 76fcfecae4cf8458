/* examine.c - see examine.h: the conversations, what is read out of their renderings, and the proof. */
#include "jinja/examine.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "jinja/ask.h"

/* Any moment will do, as long as it is the same after each restart: the texts around content would change with it, and
 * every prompt's first tokens. It is the date that Llama 3's template falls back to. */
#define EXAMINED_AT 1721952000u

/* --- conversations ----------------------------------------------------------------------------------- */

struct said {
    enum chat_role role;
    const char *text;
};

#define SYSTEM_TEXT "Keep to the harbour rules."
#define USER_TEXT "Where do kites fly?"
#define REPLY_TEXT "Above the dunes."
#define NEXT_TEXT "Which are red?"
#define LATER_TEXT "Those of Tuesday."
#define LAST_TEXT "Thanks, all of them."
#define REASON_TEXT "wind matters here"
#define RESULT_TEXT "seven knots"

static const struct said plain[] = {{CHAT_SYSTEM, SYSTEM_TEXT},   {CHAT_USER, USER_TEXT},
                                    {CHAT_ASSISTANT, REPLY_TEXT}, {CHAT_USER, NEXT_TEXT},
                                    {CHAT_ASSISTANT, LATER_TEXT}, {CHAT_USER, LAST_TEXT}};
/* What a template might trim, encode, cut or take for its own. */
static const struct said rough[] = {{CHAT_SYSTEM, "  R\xC3\xA8gles:\n\n- \"{{ none }}\" & <b>\n"},
                                    {CHAT_USER, "\n\tR\xC3\xA9sum\xC3\xA9 'a' \\n {% if %} \xE2\x82\xAC  "},
                                    {CHAT_ASSISTANT, " ```c\nint a[2] = {0};\n``` \n"},
                                    {CHAT_USER, "\xF0\x9F\xAA\x81\n\n  and a last line\n"}};

#define CALL(ID, PLACE)                                                                                    \
    "{\"id\":\"" ID "\",\"type\":\"function\",\"function\":{\"name\":\"read_anemometer\",\"arguments\":{\"place\":\"" \
    PLACE "\"}}}"
#define RESULT(ID) \
    "{\"role\":\"tool\",\"tool_call_id\":\"" ID "\",\"name\":\"read_anemometer\",\"content\":\"" RESULT_TEXT "\"}"
#define FIRST_CALL CALL("call00001", "Sylt")
#define SECOND_CALL CALL("call00002", "Texel")
#define FIRST_RESULT RESULT("call00001")
#define SECOND_RESULT RESULT("call00002")
#define ASKED "{\"role\":\"user\",\"content\":\"" USER_TEXT "\"}"
#define CALLED(CALLS) "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" CALLS "]}"
#define TOOLS                                                                                                        \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"read_anemometer\",\"description\":\"Wind now\","    \
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\",\"description\":\"Where\"}}," \
    "\"required\":[\"place\"]}}}]"

enum probe {
    PROBE_USER, /* the reply is not opened; in the others it is */
    PROBE_OPENED,
    PROBE_REPLY, /* not opened either */
    PROBE_TURNS,
    PROBE_SYSTEM,
    PROBE_LONG,
    PROBE_SYSTEM_LONG,
    PROBE_ROUGH,
    PROBE_SYSTEM_ROUGH,
    PROBE_TOOLS,
    PROBE_CALL,
    PROBE_CALLS,
    PROBE_REASONING,
    PROBE_THINKING,
    PROBE_NO_THINKING,
    PROBE_LOW_EFFORT,
    PROBE_HIGH_EFFORT,
    PROBES,
};

static const struct conversation {
    const struct said *said;
    size_t count;
    const char *messages; /* as JSON, instead */
    const char *more;     /* other variables */
    bool is_closed;
} conversations[PROBES] = {
    [PROBE_USER] = {.said = plain + 1, .count = 1, .is_closed = true},
    [PROBE_OPENED] = {.said = plain + 1, .count = 1},
    [PROBE_REPLY] = {.said = plain + 1, .count = 2, .is_closed = true},
    [PROBE_TURNS] = {.said = plain + 1, .count = 3},
    [PROBE_SYSTEM] = {.said = plain, .count = 2},
    [PROBE_LONG] = {.said = plain + 1, .count = 5},
    [PROBE_SYSTEM_LONG] = {.said = plain, .count = 6},
    [PROBE_ROUGH] = {.said = rough + 1, .count = 3},
    [PROBE_SYSTEM_ROUGH] = {.said = rough, .count = 4},
    [PROBE_TOOLS] = {.messages = ASKED, .more = TOOLS},
    [PROBE_CALL] = {.messages = ASKED "," CALLED(FIRST_CALL) "," FIRST_RESULT, .more = TOOLS},
    [PROBE_CALLS] = {.messages = ASKED "," CALLED(FIRST_CALL "," SECOND_CALL) "," FIRST_RESULT "," SECOND_RESULT,
                     .more = TOOLS},
    [PROBE_REASONING] = {.messages = ASKED ",{\"role\":\"assistant\",\"content\":\"" REPLY_TEXT
                                           "\",\"reasoning_content\":\"" REASON_TEXT "\"}",
                         .is_closed = true},
    [PROBE_THINKING] = {.said = plain + 1, .count = 1, .more = ",\"enable_thinking\":true"},
    [PROBE_NO_THINKING] = {.said = plain + 1, .count = 1, .more = ",\"enable_thinking\":false"},
    [PROBE_LOW_EFFORT] = {.said = plain + 1, .count = 1, .more = ",\"reasoning_effort\":\"low\""},
    [PROBE_HIGH_EFFORT] = {.said = plain + 1, .count = 1, .more = ",\"reasoning_effort\":\"high\""},
};

static void append_messages(struct buf *out, const struct conversation *conversation)
{
    static const char *const roles[] = {
        [CHAT_SYSTEM] = "system", [CHAT_USER] = "user", [CHAT_ASSISTANT] = "assistant"};
    if (conversation->messages)
        buf_append_text(out, conversation->messages);
    for (size_t i = 0; i < conversation->count; i++) {
        buf_appendf(out, "%s{\"role\":\"%s\",\"content\":", i > 0 ? "," : "", roles[conversation->said[i].role]);
        buf_append_json(out, str_of(conversation->said[i].text));
        buf_append_char(out, '}');
    }
}

static void write_question(struct buf *out, const struct examined_source *source)
{
    buf_append_text(out, "{\"template\":");
    buf_append_json(out, source->text);
    buf_appendf(out, ",\"now\":%u,\"renderings\":[", EXAMINED_AT);
    for (size_t i = 0; i < PROBES; i++) {
        buf_append_text(out, i > 0 ? ",{\"messages\":[" : "{\"messages\":[");
        append_messages(out, &conversations[i]);
        buf_appendf(out, "],\"add_generation_prompt\":%s", conversations[i].is_closed ? "false" : "true");
        buf_append_text(out, ",\"bos_token\":");
        buf_append_json(out, str_of(source->begin));
        buf_append_text(out, ",\"eos_token\":");
        buf_append_json(out, str_of(source->end));
        buf_append_text(out, conversations[i].more ? conversations[i].more : "");
        buf_append_char(out, '}');
    }
    buf_append_text(out, "]}");
}

/* --- renderings -------------------------------------------------------------------------------------- */

struct findings {
    struct str texts[PROBES]; /* without the text that begins a sequence; data NULL: it was not rendered */
    struct examination *made;
};

static bool hinder(struct examination *made, const char *why)
{
    snprintf(made->hindrance, sizeof(made->hindrance), "%.*s", (int)sizeof(made->hindrance) - 1, why);
    return false;
}

/* What the engine says, without its picture of the source: the last line, behind "Error: ". */
static void hinder_by(struct examination *made, struct str said)
{
    const struct str mark = STR("Error: ");
    const ptrdiff_t at = str_find(said, mark, 0);
    if (at >= 0)
        said = str_slice(said, (size_t)at + mark.len, said.len);
    said = str_trim(said);
    snprintf(made->hindrance, sizeof(made->hindrance), "the template fails: %.*s", said.len < 128 ? (int)said.len : 128,
             said.data);
}

static void read_answer(yyjson_val *root, const struct examined_source *source, struct findings *found)
{
    const struct str begin = str_of(source->begin);
    size_t at, max;
    yyjson_val *rendering;
    if (yyjson_obj_get(root, "error"))
        hinder_by(found->made, json_str(yyjson_obj_get(root, "error")));
    json_arr_foreach(yyjson_obj_get(root, "renderings"), at, max, rendering) {
        struct str text = json_str(yyjson_obj_get(rendering, "text"));
        if (at == PROBE_OPENED && !text.data)
            hinder_by(found->made, json_str(yyjson_obj_get(rendering, "error")));
        if (begin.len > 0 && str_starts(text, begin))
            text = str_slice(text, begin.len, text.len);
        if (at < PROBES)
            found->texts[at] = text;
    }
}

static bool shows(struct str text, const char *part)
{
    return text.data && str_find(text, str_of(part), 0) >= 0;
}

static size_t common(struct str a, struct str b)
{
    size_t len = 0;
    while (len < a.len && len < b.len && a.data[len] == b.data[len])
        len++;
    return len;
}

static bool differ(struct str a, struct str b)
{
    return a.data && b.data && !str_eq(a, b);
}

static void find_abilities(const struct findings *found)
{
    const struct str *texts = found->texts;
    struct examination *made = found->made;
    made->is_usable = shows(texts[PROBE_OPENED], USER_TEXT);
    made->has_system = shows(texts[PROBE_SYSTEM], SYSTEM_TEXT) && shows(texts[PROBE_SYSTEM], USER_TEXT);
    made->has_tools = shows(texts[PROBE_TOOLS], "read_anemometer") && shows(texts[PROBE_TOOLS], USER_TEXT);
    made->has_calls = shows(texts[PROBE_CALL], "Sylt");
    made->has_results = shows(texts[PROBE_CALL], RESULT_TEXT);
    made->has_parallel_calls = shows(texts[PROBE_CALLS], "Sylt") && shows(texts[PROBE_CALLS], "Texel");
    made->shows_reasoning = shows(texts[PROBE_REASONING], REASON_TEXT);
    made->has_thinking_switch = differ(texts[PROBE_THINKING], texts[PROBE_NO_THINKING]);
    made->has_effort = differ(texts[PROBE_LOW_EFFORT], texts[PROBE_HIGH_EFFORT]);
}

static void find_prefix(const struct findings *found)
{
    const struct str first = found->texts[PROBE_OPENED], next = found->texts[PROBE_TURNS];
    const size_t kept = common(first, next);
    found->made->kept = kept;
    found->made->of = first.len;
    if (kept == first.len && str_starts(str_slice(next, kept, next.len), STR(REPLY_TEXT)))
        found->made->prefix = EXAMINED_KEEPS_ALL;
    else if (found->texts[PROBE_USER].data && kept >= found->texts[PROBE_USER].len)
        found->made->prefix = EXAMINED_KEEPS_MESSAGES;
    else
        found->made->prefix = EXAMINED_KEEPS_LESS;
}

/* --- what stands around content ---------------------------------------------------------------------- */

/* Of `text` from *at on: what comes before `content`, and *at behind it. */
static bool take(struct str text, const char *content, size_t *at, struct str *before)
{
    const ptrdiff_t found = str_find(text, str_of(content), *at);
    if (!text.data || found < 0)
        return false;
    *before = str_slice(text, *at, (size_t)found);
    *at = (size_t)found + strlen(content);
    return true;
}

static bool cut_front(struct str *text, struct str front)
{
    if (!str_starts(*text, front))
        return false;
    *text = str_slice(*text, front.len, text->len);
    return true;
}

static bool cut_back(struct str *text, struct str back)
{
    if (!str_ends(*text, back))
        return false;
    *text = str_slice(*text, 0, text->len - back.len);
    return true;
}

/* Between two messages: the suffix of one and the prefix of the next, where they are known from a conversation that
 * ends there. Else, as where the last message has an end of its own, they part where `other` says: what both begin with
 * is the suffix. */
static void part(struct str between, struct str known, struct str other, struct str *suffix, struct str *prefix)
{
    const size_t at = str_starts(between, known) ? known.len : common(between, other);
    *suffix = str_slice(between, 0, at);
    *prefix = str_slice(between, at, between.len);
}

static size_t common_end(struct str a, struct str b)
{
    size_t len = 0;
    while (len < a.len && len < b.len && a.data[a.len - 1 - len] == b.data[b.len - 1 - len])
        len++;
    return len;
}

/* Of two conversations: what stands before the first message, between messages, and behind the last. */
struct gaps {
    struct str first, to_reply, to_user, closed, reply_closed, opened;
};

static bool find_gaps(const struct str *texts, struct gaps *gaps)
{
    struct str skipped;
    size_t at = 0, reply_at = 0, user_at = 0, opened_at = 0;
    if (!take(texts[PROBE_TURNS], USER_TEXT, &at, &gaps->first) ||
        !take(texts[PROBE_TURNS], REPLY_TEXT, &at, &gaps->to_reply) ||
        !take(texts[PROBE_TURNS], NEXT_TEXT, &at, &gaps->to_user) ||
        !take(texts[PROBE_USER], USER_TEXT, &user_at, &skipped) ||
        !take(texts[PROBE_REPLY], REPLY_TEXT, &reply_at, &skipped) ||
        !take(texts[PROBE_OPENED], USER_TEXT, &opened_at, &skipped))
        return false;
    gaps->closed = str_slice(texts[PROBE_USER], user_at, texts[PROBE_USER].len);
    gaps->reply_closed = str_slice(texts[PROBE_REPLY], reply_at, texts[PROBE_REPLY].len);
    gaps->opened = str_slice(texts[PROBE_OPENED], opened_at, texts[PROBE_OPENED].len);
    return true;
}

static bool measure_turns(const struct findings *found, struct str *pieces)
{
    struct gaps gaps;
    if (!find_gaps(found->texts, &gaps))
        return false;
    if (!str_starts(gaps.opened, gaps.closed))
        gaps.closed = str_slice(gaps.opened, 0, common(gaps.opened, gaps.to_reply));
    part(gaps.to_reply, gaps.closed, gaps.opened, &pieces[PIECE_USER_SUFFIX], &pieces[PIECE_ASSISTANT_PREFIX]);
    pieces[PIECE_OPENING] = gaps.opened;
    const size_t shared = common_end(gaps.first, gaps.to_user);
    part(gaps.to_user, gaps.reply_closed, str_slice(gaps.to_user, 0, gaps.to_user.len - shared),
         &pieces[PIECE_ASSISTANT_SUFFIX], &pieces[PIECE_USER_PREFIX]);
    pieces[PIECE_BARE] = gaps.first;
    return cut_front(&pieces[PIECE_OPENING], pieces[PIECE_USER_SUFFIX]) &&
           cut_back(&pieces[PIECE_BARE], pieces[PIECE_USER_PREFIX]);
}

/* A template without system texts gets them in the user's; one that puts them there itself has no more of a turn
 * behind them. */
static bool measure_system(const struct findings *found, struct template_generic *around)
{
    const struct str text = found->texts[PROBE_SYSTEM];
    size_t at = 0;
    if (!found->made->has_system) {
        around->flags |= TEMPLATE_SYSTEM_IN_USER;
        return true;
    }
    if (!take(text, SYSTEM_TEXT, &at, &around->pieces[PIECE_SYSTEM_PREFIX]) ||
        !take(text, USER_TEXT, &at, &around->pieces[PIECE_SYSTEM_SUFFIX]))
        return false;
    if (!cut_back(&around->pieces[PIECE_SYSTEM_SUFFIX], around->pieces[PIECE_USER_PREFIX]))
        around->flags |= TEMPLATE_SYSTEM_JOINS;
    return true;
}

/* --- the proof --------------------------------------------------------------------------------------- */

static bool make_request(const struct conversation *conversation, struct arena *arena, struct chat_request *request)
{
    struct chat_block *blocks = ARENA_ARRAY(arena, struct chat_block, conversation->count);
    *request = (struct chat_request){.arena = arena};
    request->messages = ARENA_ARRAY(arena, struct chat_message, conversation->count);
    if (!blocks || !request->messages)
        return false;
    for (size_t i = 0; i < conversation->count; i++) {
        blocks[i] = (struct chat_block){.kind = CHAT_TEXT, .text = str_of(conversation->said[i].text)};
        if (conversation->said[i].role == CHAT_SYSTEM) {
            request->system = &blocks[i];
            request->system_count = 1;
            continue;
        }
        request->messages[request->message_count++] =
            (struct chat_message){.role = conversation->said[i].role, .blocks = &blocks[i], .block_count = 1};
    }
    return true;
}

static bool is_same(const struct prompt *prompt, struct str expected)
{
    for (size_t i = 0; i < prompt->count; i++)
        if (!cut_front(&expected, prompt->segments[i].text))
            return false;
    return expected.len == 0;
}

static bool renders(const struct template_generic *around, enum probe probe, struct str expected, struct arena *arena)
{
    const struct template_spec spec = {.family = TEMPLATE_GENERIC, .generic = *around};
    struct chat_request request;
    struct prompt prompt;
    struct error error;
    return expected.data && make_request(&conversations[probe], arena, &request) &&
           template_render(&spec, &request, &prompt, &error) == OK && is_same(&prompt, expected);
}

static bool is_proved(const struct findings *found, struct arena *arena)
{
    static const enum probe bare[] = {PROBE_OPENED, PROBE_TURNS, PROBE_LONG, PROBE_ROUGH};
    static const enum probe with_system[] = {PROBE_SYSTEM, PROBE_SYSTEM_LONG, PROBE_SYSTEM_ROUGH};
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
        if (!renders(&found->made->around, bare[i], found->texts[bare[i]], arena))
            return false;
    for (size_t i = 0; i < sizeof(with_system) / sizeof(with_system[0]) && found->made->has_system; i++)
        if (!renders(&found->made->around, with_system[i], found->texts[with_system[i]], arena))
            return false;
    return true;
}

static bool measure(const struct findings *found, struct arena *arena)
{
    struct examination *made = found->made;
    if (!made->is_usable)
        return made->hindrance[0] ? false : hinder(made, "the template does not show what a user says");
    if (!measure_turns(found, made->around.pieces))
        return hinder(made, "what it writes around a message depends on what comes before or behind it");
    if (!measure_system(found, &made->around))
        return hinder(made, "the system text does not stand before the first message");
    const unsigned flags = made->around.flags;
    for (unsigned trims = 0; trims <= TEMPLATE_TRIMS; trims++) {
        made->around.flags = flags | trims;
        if (is_proved(found, arena))
            return true;
    }
    return hinder(made, "it changes content, or writes otherwise in longer conversations");
}

static bool keep_pieces(struct template_generic *around, struct arena *arena)
{
    for (size_t i = 0; i < TEMPLATE_PIECES; i++)
        if (!arena_str(arena, around->pieces[i], &around->pieces[i]))
            return false;
    return true;
}

/* --- all of it --------------------------------------------------------------------------------------- */

static enum error_code conclude(struct str answer, const struct examined_source *source, struct arena *arena,
                                struct examination *made, struct error *error)
{
    struct findings found = {.made = made};
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(answer, &doc, error);
    if (code != OK)
        return code;
    read_answer(yyjson_doc_get_root(doc), source, &found);
    find_abilities(&found);
    find_prefix(&found);
    made->is_measured = measure(&found, arena);
    if (!made->is_measured)
        made->around = (struct template_generic){0};
    if (!keep_pieces(&made->around, arena))
        code = error_no_memory(error);
    json_free(doc);
    return code;
}

enum error_code jinja_examine(const struct examined_source *source, struct arena *arena,
                              struct examination *examination, struct error *error)
{
    struct buf question, answer;
    *examination = (struct examination){0};
    buf_init(&question, JINJA_ANSWER_MAX);
    buf_init(&answer, JINJA_ANSWER_MAX);
    write_question(&question, source);
    enum error_code code = question.failed ? error_no_memory(error) : jinja_ask(buf_str(&question), &answer, error);
    if (code == OK)
        code = conclude(buf_str(&answer), source, arena, examination, error);
    if (code == ERROR_INVALID) {
        (void)hinder(examination, error->message);
        code = OK;
    }
    buf_deinit(&question);
    buf_deinit(&answer);
    return code;
}
