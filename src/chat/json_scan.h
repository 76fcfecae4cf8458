/* json_scan.h - follows JSON text byte by byte and says where it is.
 *
 * Strict (RFC 8259) but for UTF-8, which it leaves alone. Nesting is limited
 * to LIMIT_JSON_DEPTH. Zero is the state before a value. One thread at a time. */
#ifndef CHAT_JSON_SCAN_H
#define CHAT_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>

enum json_scan_state {
    JSON_SCAN_VALUE,        /* a value must come */
    JSON_SCAN_VALUE_OR_END, /* behind '[' */
    JSON_SCAN_KEY_OR_END,   /* behind '{' */
    JSON_SCAN_KEY,          /* behind ',' in an object */
    JSON_SCAN_COLON,
    JSON_SCAN_COMMA_OR_END,
    JSON_SCAN_STRING,
    JSON_SCAN_ESCAPE,
    JSON_SCAN_HEX,
    JSON_SCAN_WORD, /* true, false, null */
    JSON_SCAN_MINUS,
    JSON_SCAN_ZERO,
    JSON_SCAN_INTEGER,
    JSON_SCAN_POINT,
    JSON_SCAN_FRACTION,
    JSON_SCAN_E,
    JSON_SCAN_E_SIGN,
    JSON_SCAN_EXPONENT,
    JSON_SCAN_DONE,
};

struct json_scan {
    enum json_scan_state state;
    unsigned depth;
    uint64_t objects; /* bit n: level n is an object */
    bool is_key;      /* the string being read is a member's name */
    unsigned hex_left;
    const char *word; /* what is left of it */
};

/* False when the byte can't stand there; the state is then of no use. */
bool json_scan_byte(struct json_scan *scan, char c);

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
