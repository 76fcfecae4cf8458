/* label.c - see label.h. Each word is a row of a table: what of a series it tells, and how that is written. */
#include "api/monitoring/label.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"

#define WIDTH_MAX 256

/* --- what a series has ------------------------------------------------------------------------------ */

struct extent {
    size_t first, last, lowest, highest; /* places of points */
    size_t count;
    double sum;
};

static struct extent measure(const struct label_series *series)
{
    struct extent extent = {0};
    for (size_t i = 0; i < series->count; i++) {
        const double value = series->values[i];
        if (isnan(value))
            continue;
        if (extent.count == 0)
            extent.first = extent.lowest = extent.highest = i;
        if (value < series->values[extent.lowest])
            extent.lowest = i;
        if (value > series->values[extent.highest])
            extent.highest = i;
        extent.last = i;
        extent.sum += value;
        extent.count++;
    }
    return extent;
}

/* --- how it is written ------------------------------------------------------------------------------ */

struct expansion {
    const struct label_moment *moment;
    const struct label_series *series;
    struct extent extent;
    struct buf *out;
};

/* Whole numbers whole, others with as many digits as say something. */
static void write_number(struct expansion *expansion, double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        (void)buf_appendf(expansion->out, "%.0f", value + 0.0);
    else
        (void)buf_appendf(expansion->out, fabs(value) >= 1000 ? "%.1f" : "%.4g", value);
}

static int64_t time_of(const struct expansion *expansion, size_t point)
{
    return expansion->series->first_s + (int64_t)point * expansion->series->period_s;
}

static void write_time(struct expansion *expansion, int64_t at_s)
{
    const time_t shown = (time_t)(at_s + expansion->moment->zone_s);
    const long minutes = (long)(expansion->moment->zone_s / 60), size = minutes < 0 ? -minutes : minutes;
    struct tm parts;
    char text[32];
    if (!gmtime_r(&shown, &parts) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts) == 0)
        return;
    (void)buf_append_text(expansion->out, text);
    if (minutes == 0)
        (void)buf_append_text(expansion->out, " UTC");
    else
        (void)buf_appendf(expansion->out, " %c%02ld%02ld", minutes < 0 ? '-' : '+', size / 60, size % 60);
}

/* "2d 3h 5m", without what is 0. */
static void write_duration(struct expansion *expansion, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    const size_t before = expansion->out->len;
    int64_t left = seconds < 0 ? -seconds : seconds;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (left >= units[i].seconds)
            (void)buf_appendf(expansion->out, "%s%lld%c", expansion->out->len > before ? " " : "",
                              (long long)(left / units[i].seconds), units[i].unit);
        left %= units[i].seconds;
    }
    if (expansion->out->len == before)
        (void)buf_append_text(expansion->out, "0s");
}

/* --- words ------------------------------------------------------------------------------------------ */

enum point { FIRST, LAST, LOWEST, HIGHEST };

static size_t place(const struct expansion *expansion, enum point point)
{
    const size_t places[] = {expansion->extent.first, expansion->extent.last, expansion->extent.lowest,
                             expansion->extent.highest};
    return places[point];
}

enum telling { COUNT, SUM, AVERAGE, VALUE, VALUES_APART, TIME, TIME_AGO, TIMES_APART };

static const struct {
    const char *word;
    enum telling telling;
    enum point point, other;
} words[] = {
    {"DATAPOINT_COUNT", COUNT, FIRST, FIRST},
    {"SUM", SUM, FIRST, FIRST},
    {"AVG", AVERAGE, FIRST, FIRST},
    {"FIRST", VALUE, FIRST, FIRST},
    {"LAST", VALUE, LAST, LAST},
    {"MIN", VALUE, LOWEST, LOWEST},
    {"MAX", VALUE, HIGHEST, HIGHEST},
    {"FIRST_LAST_RANGE", VALUES_APART, FIRST, LAST},
    {"MIN_MAX_RANGE", VALUES_APART, LOWEST, HIGHEST},
    {"FIRST_TIME", TIME, FIRST, FIRST},
    {"LAST_TIME", TIME, LAST, LAST},
    {"MIN_TIME", TIME, LOWEST, LOWEST},
    {"MAX_TIME", TIME, HIGHEST, HIGHEST},
    {"FIRST_TIME_RELATIVE", TIME_AGO, FIRST, FIRST},
    {"LAST_TIME_RELATIVE", TIME_AGO, LAST, LAST},
    {"MIN_TIME_RELATIVE", TIME_AGO, LOWEST, LOWEST},
    {"MAX_TIME_RELATIVE", TIME_AGO, HIGHEST, HIGHEST},
    {"FIRST_LAST_TIME_RANGE", TIMES_APART, FIRST, LAST},
    {"MIN_MAX_TIME_RANGE", TIMES_APART, LOWEST, HIGHEST},
};

static void write_telling(struct expansion *expansion, enum telling telling, enum point point, enum point other)
{
    const struct extent *extent = &expansion->extent;
    const size_t at = place(expansion, point), to = place(expansion, other);
    if (telling == COUNT) {
        (void)buf_append_u64(expansion->out, extent->count);
        return;
    }
    if (extent->count == 0) {
        (void)buf_append_char(expansion->out, '-');
        return;
    }
    switch (telling) {
    case COUNT:
    case SUM:
        write_number(expansion, extent->sum);
        return;
    case AVERAGE:
        write_number(expansion, extent->sum / (double)extent->count);
        return;
    case VALUE:
        write_number(expansion, expansion->series->values[at]);
        return;
    case VALUES_APART:
        write_number(expansion, expansion->series->values[to] - expansion->series->values[at]);
        return;
    case TIME:
        write_time(expansion, time_of(expansion, at));
        return;
    case TIME_AGO:
        write_duration(expansion, expansion->moment->now_s - time_of(expansion, at));
        return;
    case TIMES_APART:
        write_duration(expansion, time_of(expansion, to) - time_of(expansion, at));
        return;
    }
}

/* False: it is no property. */
static bool write_property(struct expansion *expansion, struct str name)
{
    const struct label_series *series = expansion->series;
    const struct monitor_metric *metric = series->metric;
    struct str value = {"", 0};
    if (str_eq(name, STR("Period")))
        return buf_append_u64(expansion->out, series->period_s);
    if (str_eq(name, STR("AccountId")) || str_eq(name, STR("AccountLabel")))
        value = str_of(expansion->moment->account);
    else if (str_eq(name, STR("Region")))
        value = str_of(expansion->moment->region);
    else if (str_eq(name, STR("Stat")))
        value = series->stat;
    else if (str_eq(name, STR("MetricName")))
        value = metric ? metric->name : value;
    else if (str_eq(name, STR("Namespace")))
        value = metric ? metric->namespace : value;
    else if (!str_starts(name, STR("Dim.")))
        return false;
    for (size_t i = 0; str_starts(name, STR("Dim.")) && metric && i < metric->dimension_count; i++)
        if (str_eq(metric->dimensions[i].name, str_slice(name, 4, name.len)))
            value = metric->dimensions[i].value;
    return buf_append_str(expansion->out, value);
}

/* PROP('NAME'), in quotes of either kind. False: it is none. */
static bool expand_property(struct expansion *expansion, struct str word)
{
    if (!str_starts(word, STR("PROP(")) || !str_ends(word, STR(")")))
        return false;
    const struct str quoted = str_trim(str_slice(word, 5, word.len - 1));
    const bool is_quoted = quoted.len >= 2 && (quoted.data[0] == '\'' || quoted.data[0] == '"') &&
                           quoted.data[quoted.len - 1] == quoted.data[0];
    return is_quoted && write_property(expansion, str_slice(quoted, 1, quoted.len - 1));
}

static bool expand_word(struct expansion *expansion, struct str word)
{
    if (str_eq(word, STR("LABEL")))
        return buf_append_str(expansion->out, expansion->series->label);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_eq(word, str_of(words[i].word))) {
            write_telling(expansion, words[i].telling, words[i].point, words[i].other);
            return true;
        }
    return expand_property(expansion, word);
}

static void fill(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_char(out, ' ');
}

/* WORD or WORD|WIDTH. False: nothing was written. */
static bool expand(struct expansion *expansion, struct str inside)
{
    struct buf text, *out = expansion->out;
    struct str word = inside;
    int64_t width = 0;
    const ptrdiff_t bar = str_find_char(inside, '|', 0);
    if (bar >= 0) {
        word = str_slice(inside, 0, (size_t)bar);
        if (!str_to_i64(str_trim(str_slice(inside, (size_t)bar + 1, inside.len)), &width) || width < -WIDTH_MAX ||
            width > WIDTH_MAX)
            return false;
    }
    buf_init(&text, LABEL_BYTES_MAX);
    expansion->out = &text;
    const bool is_word = expand_word(expansion, str_trim(word));
    expansion->out = out;
    const size_t least = (size_t)(width < 0 ? -width : width), spaces = least > text.len ? least - text.len : 0;
    if (is_word) {
        fill(out, width > 0 ? spaces : 0);
        (void)buf_append_str(out, buf_str(&text));
        fill(out, width < 0 ? spaces : 0);
    }
    buf_deinit(&text);
    return is_word;
}

/* --- labels ----------------------------------------------------------------------------------------- */

bool label_is_dynamic(struct str label)
{
    return str_find(label, STR("${"), 0) >= 0;
}

struct str label_expand(struct str label, const struct label_moment *moment, const struct label_series *series,
                        struct arena *arena)
{
    struct buf out;
    struct str copy = {NULL, 0};
    struct expansion expansion = {moment, series, measure(series), &out};
    size_t at = 0;
    buf_init(&out, LABEL_BYTES_MAX);
    while (at < label.len) {
        const ptrdiff_t open = str_find(label, STR("${"), at);
        const ptrdiff_t close = open < 0 ? -1 : str_find_char(label, '}', (size_t)open);
        if (close < 0)
            break;
        (void)buf_append_str(&out, str_slice(label, at, (size_t)open));
        if (!expand(&expansion, str_slice(label, (size_t)open + 2, (size_t)close)))
            (void)buf_append_str(&out, str_slice(label, (size_t)open, (size_t)close + 1));
        at = (size_t)close + 1;
    }
    (void)buf_append_str(&out, str_slice(label, at, label.len));
    const struct str text = {buf_str(&out).data, str_utf8_valid_len(buf_str(&out))};
    if (!arena_str(arena, text, &copy))
        copy = (struct str){NULL, 0};
    buf_deinit(&out);
    return copy;
}

bool label_zone(struct str text, int64_t *zone_s)
{
    uint64_t digits;
    if (text.len != 5 || (text.data[0] != '+' && text.data[0] != '-') ||
        !str_to_u64(str_slice(text, 1, 5), &digits) || digits / 100 > 23 || digits % 100 > 59)
        return false;
    *zone_s = (int64_t)(digits / 100 * 3600 + digits % 100 * 60) * (text.data[0] == '-' ? -1 : 1);
    return true;
}
