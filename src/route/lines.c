/* lines.c - see lines.h. */
#include "route/lines.h"

#include <math.h>
#include <string.h>

#include "route/script.h"

#define DIALOGUE_NAME_MAX 24 /* bytes */
#define ITEM_BYTES_READ 256
#define NUMERIC_BYTES_READ 64
#define LABEL_CHARS_MAX 2 /* "12", but no word */

struct sign {
    uint32_t code; /* 0: the line is over */
    size_t len;
};

static struct sign sign_at(struct str line, size_t at)
{
    const uint8_t *bytes = (const uint8_t *)line.data;
    struct sign sign = {0, 1};
    if (at >= line.len)
        return sign;
    if (bytes[at] < 0x80)
        sign.code = bytes[at];
    else
        sign.len = script_decode(bytes + at, bytes + line.len, &sign.code);
    return sign;
}

static bool is_label(uint32_t code)
{
    struct script_char character;
    if (code < 0x80)
        return (code >= '0' && code <= '9') || ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
    script_read(code, &character);
    return character.kind == SCRIPT_LETTER || character.kind == SCRIPT_ALONE || character.kind == SCRIPT_NUMERAL;
}

static bool is_bullet(uint32_t code)
{
    return code == '-' || code == '*' || code == 0x2022 || code == 0xb7 || code == 0x30fb || code == 0x2013 ||
           code == 0x25cf || code == 0x25e6;
}

/* Wide signs bring their own space with them. */
static size_t with_space(struct str line, size_t at, bool is_wide)
{
    if (at < line.len && line.data[at] == ' ')
        return at + 1;
    return is_wide && at < line.len ? at : 0;
}

/* Length of a mark such as "A. ", "2) ", "(b) ", "- " at the beginning of a line; 0: none. */
static size_t item_mark(struct str line)
{
    struct sign sign = sign_at(line, 0);
    if (is_bullet(sign.code))
        return with_space(line, sign.len, sign.code == 0x2022 || sign.code == 0x30fb || sign.code == 0x25cf);
    if (sign.code >= 0x2460 && sign.code <= 0x249b) /* numbers in circles and brackets */
        return with_space(line, sign.len, true);
    size_t at = sign.code == '(' || sign.code == 0xff08 ? sign.len : 0, chars = 0;
    for (sign = sign_at(line, at); is_label(sign.code) && chars <= LABEL_CHARS_MAX; chars++) {
        at += sign.len;
        sign = sign_at(line, at);
    }
    if (chars == 0 || chars > LABEL_CHARS_MAX)
        return 0;
    const bool is_wide = sign.code == 0x3001 || sign.code == 0xff0e || sign.code == 0xff09;
    return sign.code == '.' || sign.code == ')' || is_wide ? with_space(line, at + sign.len, is_wide) : 0;
}

static uint32_t word_filter(struct str text)
{
    uint32_t filter = 0, hash = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ' ') {
            hash = (hash ^ (uint8_t)text.data[i]) * 0x01000193U + 1;
        } else if (hash) {
            filter |= 1U << (hash * 0x9e3779b1U >> 27);
            hash = 0;
        }
    }
    return filter;
}

static bool is_numeric(struct str item)
{
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < item.len && i < NUMERIC_BYTES_READ; i++) {
        digits += item.data[i] >= '0' && item.data[i] <= '9';
        letters += ((item.data[i] | 0x20) >= 'a' && (item.data[i] | 0x20) <= 'z') || (uint8_t)item.data[i] >= 0xc2;
    }
    return digits > letters;
}

static void add_item(struct lines *lines, struct str item)
{
    const float len = (float)item.len;
    const uint32_t words = word_filter(str_slice(item, 0, ITEM_BYTES_READ));
    lines->numeric += is_numeric(item);
    lines->shortest = lines->items == 0 ? len : fminf(lines->shortest, len);
    lines->longest = fmaxf(lines->longest, len);
    lines->sum += len;
    lines->squares += len * len;
    if (lines->items > 0 && (words | lines->words))
        lines->alike += (float)__builtin_popcount(words & lines->words) /
                        (float)__builtin_popcount(words | lines->words);
    lines->words = words;
    lines->items++;
}

static bool is_spoken(struct str line)
{
    static const struct str wide = STR("\xef\xbc\x9a");
    const struct str head = str_slice(line, 0, DIALOGUE_NAME_MAX);
    const ptrdiff_t colon = str_find_char(head, ':', 0);
    if (colon > 0)
        return (size_t)colon + 1 < line.len && line.data[colon + 1] == ' ';
    const char *found = memmem(head.data, head.len, wide.data, wide.len);
    return found && found > head.data;
}

void lines_read(struct str text, struct lines *lines)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        lines->count++;
        const size_t mark = item_mark(line);
        if (mark) {
            add_item(lines, str_slice(line, mark, line.len));
            continue;
        }
        if (lines->items == 0)
            lines->before += (float)line.len;
        lines->dialogue += is_spoken(line);
    }
}
