/* json_scan.c - a state machine over bytes. Builds no tree and keeps no text but the depth. See json_scan.h. */
#include "chat/json_scan.h"

#include <string.h>

#include "core/limits.h"

_Static_assert(LIMIT_JSON_DEPTH <= 64, "levels are bits of one word");

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void value_ends(struct json_scan *scan)
{
    scan->state = scan->depth == 0 ? JSON_SCAN_DONE : JSON_SCAN_COMMA_OR_END;
}

static bool open_level(struct json_scan *scan, bool is_object)
{
    if (scan->depth == LIMIT_JSON_DEPTH)
        return false;
    uint64_t bit = UINT64_C(1) << scan->depth++;
    scan->objects = is_object ? scan->objects | bit : scan->objects & ~bit;
    scan->state = is_object ? JSON_SCAN_KEY_OR_END : JSON_SCAN_VALUE_OR_END;
    return true;
}

static bool in_object(const struct json_scan *scan)
{
    return scan->depth > 0 && (scan->objects >> (scan->depth - 1) & 1) != 0;
}

static bool close_level(struct json_scan *scan, char c)
{
    if (scan->depth == 0 || c != (in_object(scan) ? '}' : ']'))
        return false;
    scan->depth--;
    value_ends(scan);
    return true;
}

static void open_string(struct json_scan *scan, bool is_key)
{
    scan->is_key = is_key;
    scan->state = JSON_SCAN_STRING;
}

static bool open_value(struct json_scan *scan, char c)
{
    switch (c) {
    case '{':
    case '[':
        return open_level(scan, c == '{');
    case '"':
        open_string(scan, false);
        return true;
    case '-':
        scan->state = JSON_SCAN_MINUS;
        return true;
    case '0':
        scan->state = JSON_SCAN_ZERO;
        return true;
    case 't':
    case 'f':
    case 'n':
        scan->word = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
        scan->state = JSON_SCAN_WORD;
        return true;
    default:
        scan->state = JSON_SCAN_INTEGER;
        return is_digit(c);
    }
}

static bool string_byte(struct json_scan *scan, char c)
{
    if (c == '"') {
        if (scan->is_key)
            scan->state = JSON_SCAN_COLON;
        else
            value_ends(scan);
    } else if (c == '\\') {
        scan->state = JSON_SCAN_ESCAPE;
    }
    return (unsigned char)c >= 0x20;
}

static bool escape_byte(struct json_scan *scan, char c)
{
    scan->state = c == 'u' ? JSON_SCAN_HEX : JSON_SCAN_STRING;
    scan->hex_left = 4;
    return c != '\0' && strchr("\"\\/bfnrtu", c) != NULL;
}

static bool hex_byte(struct json_scan *scan, char c)
{
    if (--scan->hex_left == 0)
        scan->state = JSON_SCAN_STRING;
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool word_byte(struct json_scan *scan, char c)
{
    if (*scan->word++ != c)
        return false;
    if (*scan->word == '\0')
        value_ends(scan);
    return true;
}

/* A byte of structure: between values. */
static bool between_byte(struct json_scan *scan, char c)
{
    if (json_is_space(c))
        return true;
    switch (scan->state) {
    case JSON_SCAN_VALUE:
        return open_value(scan, c);
    case JSON_SCAN_VALUE_OR_END:
        return c == ']' ? close_level(scan, c) : open_value(scan, c);
    case JSON_SCAN_KEY_OR_END:
        if (c == '}')
            return close_level(scan, c);
        open_string(scan, true);
        return c == '"';
    case JSON_SCAN_KEY:
        open_string(scan, true);
        return c == '"';
    case JSON_SCAN_COLON:
        scan->state = JSON_SCAN_VALUE;
        return c == ':';
    case JSON_SCAN_COMMA_OR_END:
        if (c != ',')
            return close_level(scan, c);
        scan->state = in_object(scan) ? JSON_SCAN_KEY : JSON_SCAN_VALUE;
        return true;
    default: /* done */
        return false;
    }
}

/* A number ends with the first byte that is no part of it. */
static bool number_byte(struct json_scan *scan, char c)
{
    enum json_scan_state state = scan->state;
    bool has_digits = state != JSON_SCAN_MINUS && state != JSON_SCAN_POINT && state != JSON_SCAN_E &&
                      state != JSON_SCAN_E_SIGN;
    if (is_digit(c) && state != JSON_SCAN_ZERO) {
        if (state == JSON_SCAN_MINUS)
            scan->state = c == '0' ? JSON_SCAN_ZERO : JSON_SCAN_INTEGER;
        else if (state == JSON_SCAN_POINT)
            scan->state = JSON_SCAN_FRACTION;
        else if (state == JSON_SCAN_E || state == JSON_SCAN_E_SIGN)
            scan->state = JSON_SCAN_EXPONENT;
        return true;
    }
    if (c == '.' && (state == JSON_SCAN_ZERO || state == JSON_SCAN_INTEGER)) {
        scan->state = JSON_SCAN_POINT;
        return true;
    }
    if ((c == 'e' || c == 'E') && has_digits && state != JSON_SCAN_EXPONENT) {
        scan->state = JSON_SCAN_E;
        return true;
    }
    if ((c == '+' || c == '-') && state == JSON_SCAN_E) {
        scan->state = JSON_SCAN_E_SIGN;
        return true;
    }
    if (!has_digits)
        return false;
    value_ends(scan);
    return between_byte(scan, c);
}

bool json_scan_byte(struct json_scan *scan, char c)
{
    switch (scan->state) {
    case JSON_SCAN_STRING:
        return string_byte(scan, c);
    case JSON_SCAN_ESCAPE:
        return escape_byte(scan, c);
    case JSON_SCAN_HEX:
        return hex_byte(scan, c);
    case JSON_SCAN_WORD:
        return word_byte(scan, c);
    case JSON_SCAN_MINUS:
    case JSON_SCAN_ZERO:
    case JSON_SCAN_INTEGER:
    case JSON_SCAN_POINT:
    case JSON_SCAN_FRACTION:
    case JSON_SCAN_E:
    case JSON_SCAN_E_SIGN:
    case JSON_SCAN_EXPONENT:
        return number_byte(scan, c);
    default:
        return between_byte(scan, c);
    }
}
