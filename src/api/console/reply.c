/* Writes JSON member by member. See reply.h. */
#include "api/console/reply.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/util.h"
#include "ledger/money.h"

#define REPLY_BYTES_MAX ((size_t)64 << 20)

void console_reply_init(struct console_reply *reply)
{
    *reply = (struct console_reply){.depth = 0};
    buf_init(&reply->body, REPLY_BYTES_MAX);
}

void console_reply_deinit(struct console_reply *reply)
{
    buf_deinit(&reply->body);
}

/* What stands before a value. */
static void begin(struct console_reply *reply, const char *name)
{
    assert(!name == (reply->depth == 0 || reply->open[reply->depth - 1] == '['));
    if (reply->needs_comma)
        buf_append_char(&reply->body, ',');
    reply->needs_comma = true;
    if (!name)
        return;
    buf_append_json(&reply->body, str_of(name));
    buf_append_char(&reply->body, ':');
}

void console_open(struct console_reply *reply, const char *name, char bracket)
{
    assert(reply->depth < CONSOLE_DEPTH_MAX && (bracket == '{' || bracket == '['));
    begin(reply, name);
    buf_append_char(&reply->body, bracket);
    reply->open[reply->depth++] = bracket;
    reply->needs_comma = false;
}

void console_close(struct console_reply *reply)
{
    assert(reply->depth > 0);
    buf_append_char(&reply->body, reply->open[--reply->depth] == '{' ? '}' : ']');
    reply->needs_comma = true;
}

void console_put_json(struct console_reply *reply, const char *name, struct str json)
{
    begin(reply, name);
    buf_append_str(&reply->body, json);
}

void console_put_members(struct console_reply *reply, struct str object)
{
    assert(object.len >= 2 && object.data[0] == '{' && object.data[object.len - 1] == '}');
    const struct str members = str_trim(str_slice(object, 1, object.len - 1));
    if (members.len == 0)
        return;
    if (reply->needs_comma)
        buf_append_char(&reply->body, ',');
    buf_append_str(&reply->body, members);
    reply->needs_comma = true;
}

void console_put_text(struct console_reply *reply, const char *name, struct str value)
{
    begin(reply, name);
    if (value.data)
        buf_append_json(&reply->body, value);
    else
        buf_append_text(&reply->body, "null");
}

void console_put_uint(struct console_reply *reply, const char *name, uint64_t value)
{
    begin(reply, name);
    buf_append_u64(&reply->body, value);
}

void console_put_int(struct console_reply *reply, const char *name, int64_t value)
{
    begin(reply, name);
    buf_append_i64(&reply->body, value);
}

void console_put_number(struct console_reply *reply, const char *name, double value)
{
    begin(reply, name);
    if (isfinite(value))
        buf_appendf(&reply->body, "%.10g", value);
    else
        buf_append_text(&reply->body, "null");
}

void console_put_bool(struct console_reply *reply, const char *name, bool value)
{
    console_put_json(reply, name, value ? STR("true") : STR("false"));
}

void console_put_null(struct console_reply *reply, const char *name)
{
    console_put_json(reply, name, STR("null"));
}

void console_put_time(struct console_reply *reply, const char *name, uint64_t wall_us)
{
    char text[TIMESTAMP_LEN + 1];
    clock_iso8601(wall_us, text);
    console_put_text(reply, name, wall_us ? str_of(text) : (struct str){NULL, 0});
}

void console_put_money(struct console_reply *reply, const char *stem, ledger_sum picodollars)
{
    char name[64], text[MONEY_TEXT];
    (void)snprintf(name, sizeof(name), "%sPicodollars", stem);
    console_put_json(reply, name, str_of(money_picodollars(picodollars, text)));
    (void)snprintf(name, sizeof(name), "%sDollars", stem);
    console_put_text(reply, name, str_of(money_dollars(picodollars, text)));
}

void console_put_cursor(struct console_reply *reply, bool has_more, uint64_t first, uint64_t second)
{
    if (has_more)
        (void)snprintf(reply->next, sizeof(reply->next), "%016" PRIx64 "%016" PRIx64, first, second);
    console_put_text(reply, "next", has_more ? str_of(reply->next) : (struct str){NULL, 0});
}

void console_put_next(struct console_reply *reply, struct str next)
{
    assert(next.len < sizeof(reply->next));
    (void)snprintf(reply->next, sizeof(reply->next), STR_FMT, STR_ARG(next));
    console_put_text(reply, "next", next.len ? next : (struct str){NULL, 0});
}
