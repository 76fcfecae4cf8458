/* text.c - see text.h. */
#include "engine/text.h"

#include <assert.h>

#define HELD_MAX ((size_t)1 << 20)
#define REPLACEMENT "\xEF\xBF\xBD"

void text_filter_init(struct text_filter *filter, const struct str *stops, size_t stop_count)
{
    *filter = (struct text_filter){.stops = stops, .stop_count = stop_count};
    buf_init(&filter->held, HELD_MAX);
    for (size_t i = 0; i < stop_count; i++)
        if (stops[i].len > filter->stop_longest)
            filter->stop_longest = stops[i].len;
}

void text_filter_deinit(struct text_filter *filter)
{
    buf_deinit(&filter->held);
}

/* What stop sequences are looked for in. */
static struct str searched(const struct text_filter *filter)
{
    return str_slice(buf_str(&filter->held), filter->settled, filter->held.len - filter->undecided);
}

/* The first stop sequence in the text, the earlier in the list when two begin together. */
static void find_stop(struct text_filter *filter)
{
    const struct str text = searched(filter);
    size_t first = text.len;
    for (size_t i = 0; i < filter->stop_count; i++) {
        if (filter->stops[i].len == 0)
            continue;
        const ptrdiff_t at = str_find(text, filter->stops[i], 0);
        if (at < 0 || (size_t)at >= first)
            continue;
        first = (size_t)at;
        filter->stop_index = (uint32_t)i;
        filter->is_stopped = true;
    }
    if (filter->is_stopped) {
        filter->held.len = filter->settled + first;
        filter->undecided = 0;
    }
}

bool text_filter_add(struct text_filter *filter, struct str piece)
{
    if (filter->is_stopped || piece.len == 0)
        return true;
    filter->undecided += piece.len;
    return buf_append_str(&filter->held, piece);
}

void text_filter_decide(struct text_filter *filter, size_t len, bool is_text)
{
    if (filter->is_stopped)
        return;
    assert(len <= filter->undecided);
    filter->undecided -= len;
    if (is_text)
        find_stop(filter);
    else
        filter->settled = filter->held.len - filter->undecided;
}

bool text_filter_push(struct text_filter *filter, struct str piece)
{
    if (!text_filter_add(filter, piece))
        return false;
    text_filter_decide(filter, filter->undecided, true);
    return true;
}

/* Length of the longest end of the text that begins a stop sequence. */
static size_t stop_begun(const struct text_filter *filter)
{
    const struct str text = searched(filter);
    size_t len = filter->stop_longest < text.len + 1 ? filter->stop_longest : text.len + 1;
    while (len-- > 1) {
        const char *end = text.data + text.len - len;
        for (size_t i = 0; i < filter->stop_count; i++)
            if (filter->stops[i].len > len && memcmp(filter->stops[i].data, end, len) == 0)
                return len;
    }
    return 0;
}

static size_t sequence_len(uint8_t lead)
{
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if ((lead & 0xF0) == 0xE0)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 1;
}

/* Bytes at the end that begin a character and may yet be completed. */
static size_t character_begun(struct str text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        const uint8_t byte = (uint8_t)text.data[text.len - back];
        if ((byte & 0xC0) == 0x80)
            continue;
        return sequence_len(byte) > back ? back : 0;
    }
    return 0;
}

/* Of the broken character that the text begins with: one mark stands for all of it. */
static size_t broken_len(struct str text)
{
    size_t len = 1;
    while (len < text.len && ((uint8_t)text.data[len] & 0xC0) == 0x80)
        len++;
    return len;
}

static bool append_valid(struct buf *out, struct str text)
{
    while (text.len > 0) {
        const size_t valid = str_utf8_valid_len(text);
        if (!buf_append(out, text.data, valid))
            return false;
        text = str_slice(text, valid, text.len);
        if (text.len == 0)
            return true;
        if (!buf_append_text(out, REPLACEMENT))
            return false;
        text = str_slice(text, broken_len(text), text.len);
    }
    return true;
}

size_t text_filter_ready(const struct text_filter *filter, bool is_last)
{
    if (is_last || filter->is_stopped)
        return filter->held.len;
    const size_t len = filter->held.len - filter->undecided - stop_begun(filter);
    return len - character_begun(str_slice(buf_str(&filter->held), 0, len));
}

void text_filter_follow(const struct text_filter *filter, struct text_cursor *cursor, size_t held)
{
    while (cursor->held < held) {
        const struct str rest = str_slice(buf_str(&filter->held), cursor->held, filter->held.len);
        const size_t valid = str_utf8_valid_len(rest), wanted = held - cursor->held;
        size_t step = valid > 0 ? (valid < wanted ? valid : wanted) : broken_len(rest);
        while (valid > 0 && step < rest.len && ((uint8_t)rest.data[step] & 0xC0) == 0x80 && step < valid)
            step--;
        if (step == 0)
            return;
        cursor->held += step;
        cursor->shown += valid > 0 ? step : sizeof(REPLACEMENT) - 1;
    }
}

bool text_filter_take(struct text_filter *filter, bool is_last, struct buf *out)
{
    const size_t len = text_filter_ready(filter, is_last);
    if (len == 0)
        return true;
    if (!append_valid(out, str_slice(buf_str(&filter->held), 0, len)))
        return false;
    buf_consume(&filter->held, len);
    filter->settled -= len < filter->settled ? len : filter->settled;
    filter->undecided = filter->undecided < filter->held.len ? filter->undecided : filter->held.len;
    return true;
}
