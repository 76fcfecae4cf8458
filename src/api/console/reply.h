/* reply.h - answers of the console's API. A handler writes JSON, member by member; where the client wants CSV
 * (?format=csv, or Accept: text/csv) the list of it is rewritten once the JSON is whole, so no handler writes two
 * forms. A reply belongs to one thread at a time.
 *
 *     console_open(reply, NULL, '{');
 *     console_open(reply, "requests", '[');
 *     for each: console_open(reply, NULL, '{'); console_put_text(reply, "id", id); ... console_close(reply);
 *     console_close(reply);
 *     console_put_cursor(reply, has_more, time, place);
 *     console_close(reply);
 *
 * `name` is NULL for items of arrays and for the outermost value. Nothing fails on the way: a reply that has grown too
 * large, or found no memory, is an error when it is sent. */
#ifndef API_CONSOLE_REPLY_H
#define API_CONSOLE_REPLY_H

#include "core/buf.h"
#include "core/error.h"
#include "ledger/query.h"

#define CONSOLE_DEPTH_MAX 16
#define CONSOLE_KEY_DIGITS 16 /* of a key in a cursor, hex */
#define CONSOLE_CURSOR_MAX 400

struct console_reply {
    struct buf body;
    char open[CONSOLE_DEPTH_MAX]; /* '{' or '[' */
    size_t depth;
    bool needs_comma;
    char next[CONSOLE_CURSOR_MAX]; /* the cursor that was put, else empty */
};

void console_reply_init(struct console_reply *reply);
void console_reply_deinit(struct console_reply *reply);

void console_open(struct console_reply *reply, const char *name, char bracket);
void console_close(struct console_reply *reply);

void console_put_text(struct console_reply *reply, const char *name, struct str value); /* data NULL: null */
void console_put_uint(struct console_reply *reply, const char *name, uint64_t value);
void console_put_int(struct console_reply *reply, const char *name, int64_t value);
void console_put_number(struct console_reply *reply, const char *name, double value); /* not finite: null */
void console_put_bool(struct console_reply *reply, const char *name, bool value);
void console_put_null(struct console_reply *reply, const char *name);
/* By clock_wall_us(): ISO 8601 with milliseconds and Z; 0: null. */
void console_put_time(struct console_reply *reply, const char *name, uint64_t wall_us);
/* Two members: with stem "cost" costPicodollars, an integer, and costDollars, a string with twelve decimals. */
void console_put_money(struct console_reply *reply, const char *stem, ledger_sum picodollars);
/* JSON as it is. */
void console_put_json(struct console_reply *reply, const char *name, struct str json);
/* The members of an object that is there as text. */
void console_put_members(struct console_reply *reply, struct str object);
/* `next`: the keys of the last row of this page (query.h), or null where it is the last page. */
void console_put_cursor(struct console_reply *reply, bool has_more, uint64_t first, uint64_t second);
/* The same of a cursor that somebody else wrote; empty: it is the last page. */
void console_put_next(struct console_reply *reply, struct str next);

/* The array `list` of the object `json` as comma-separated values: a head of the rows' members in the order in which
 * they appear, objects inside rows flattened with dots, arrays as JSON. Texts that a spreadsheet would take for a
 * formula get an apostrophe before them. ERROR_INTERNAL where `json` is no such object. */
enum error_code console_csv(struct str json, const char *list, struct buf *out, struct error *error) WARN_UNUSED;

#endif
