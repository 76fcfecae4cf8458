/* decide.c - see decide.h. */
#include "alarm/decide.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* --- the state -------------------------------------------------------------------------------------- */

static void take_points(const struct alarm_spec *spec, const struct alarm_points *points,
                        struct alarm_verdict *verdict)
{
    for (size_t i = points->count; i-- > 0 && verdict->seen_count < spec->periods;) {
        if (isnan(points->values[i]))
            continue;
        if (verdict->seen_count < ALARM_NAMED_MAX)
            verdict->seen[verdict->seen_count] = i;
        verdict->seen_count++;
        verdict->breaching += alarm_breaches(spec, points->values[i]);
    }
    verdict->missing = spec->periods - verdict->seen_count;
}

/* Of missing points alone nothing follows: then what is there decides, if it is of one mind. */
static enum alarm_state undecided(const struct alarm_spec *spec, enum alarm_state now,
                                  const struct alarm_verdict *verdict)
{
    const bool is_ignored = spec->missing == ALARM_IGNORE;
    if (verdict->breaching >= spec->to_alarm)
        return ALARM_STATE_ALARM;
    if (verdict->seen_count == 0)
        return is_ignored ? now : ALARM_STATE_INSUFFICIENT;
    if (verdict->breaching < verdict->seen_count)
        return ALARM_STATE_OK;
    return is_ignored ? now : ALARM_STATE_ALARM;
}

void alarm_decide(const struct alarm_spec *spec, enum alarm_state now, const struct alarm_points *points,
                  struct alarm_verdict *verdict)
{
    *verdict = (struct alarm_verdict){0};
    take_points(spec, points, verdict);
    size_t breaching = verdict->breaching;
    if (verdict->missing > 0 && (spec->missing == ALARM_MISSING || spec->missing == ALARM_IGNORE)) {
        verdict->state = undecided(spec, now, verdict);
        return;
    }
    if (spec->missing == ALARM_BREACHING)
        breaching += verdict->missing;
    verdict->state = breaching >= spec->to_alarm ? ALARM_STATE_ALARM : ALARM_STATE_OK;
}

/* --- words ------------------------------------------------------------------------------------------ */

void alarm_number_append(struct buf *out, double value)
{
    char text[40];
    if (value == floor(value) && fabs(value) < 1e15) {
        (void)buf_appendf(out, "%.1f", value);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    (void)buf_append_text(out, text);
}

static int64_t time_of(const struct alarm_spec *spec, const struct alarm_points *points, size_t i)
{
    return points->first_s + (int64_t)i * spec->period_s;
}

static void append_time(struct buf *out, const char *format, int64_t time_s)
{
    char text[128];
    const time_t seconds = (time_t)time_s;
    struct tm parts;
    if (gmtime_r(&seconds, &parts) && strftime(text, sizeof(text), format, &parts) > 0)
        buf_append_text(out, text);
}

static size_t named(const struct alarm_verdict *verdict)
{
    return verdict->seen_count < ALARM_NAMED_MAX ? verdict->seen_count : ALARM_NAMED_MAX;
}

static void append_points(struct buf *out, const struct alarm_spec *spec, const struct alarm_points *points,
                          const struct alarm_verdict *verdict)
{
    for (size_t n = 0; n < named(verdict); n++) {
        const size_t i = verdict->seen[n];
        buf_append_text(out, n ? ", " : "[");
        alarm_number_append(out, points->values[i]);
        append_time(out, " (%d/%m/%y %H:%M:%S)", time_of(spec, points, i));
    }
    buf_append_text(out, verdict->seen_count > ALARM_NAMED_MAX ? ", ...]" : "]");
}

static void append_missing(struct buf *out, const struct alarm_spec *spec, const struct alarm_verdict *verdict)
{
    const char *plural = verdict->missing == 1 ? "" : "s";
    if (verdict->seen_count == 0)
        buf_appendf(out, "no datapoints were received for %zu period%s and ", verdict->missing, plural);
    buf_appendf(out, "%zu missing datapoint%s %s treated as [%s]", verdict->missing, plural,
                verdict->missing == 1 ? "was" : "were",
                spec->missing == ALARM_BREACHING ? "Breaching" : "NonBreaching");
}

void alarm_reason_append(struct buf *out, const struct alarm_spec *spec, enum alarm_state before,
                         const struct alarm_points *points, const struct alarm_verdict *verdict)
{
    const bool is_filled = verdict->missing > 0 && (spec->missing == ALARM_BREACHING ||
                                                    spec->missing == ALARM_NOT_BREACHING);
    const bool is_alarm = verdict->state == ALARM_STATE_ALARM;
    if (verdict->state == ALARM_STATE_INSUFFICIENT) {
        buf_appendf(out, "Insufficient Data: %zu datapoint%s unknown.", verdict->missing,
                    verdict->missing == 1 ? " was" : "s were");
        return;
    }
    buf_append_text(out, "Threshold Crossed: ");
    if (verdict->seen_count > 0) {
        const size_t count = is_alarm ? verdict->breaching : verdict->seen_count - verdict->breaching;
        buf_appendf(out, "%zu out of the last %zu datapoint%s ", count, verdict->seen_count,
                    verdict->seen_count == 1 ? "" : "s");
        append_points(out, spec, points, verdict);
        buf_appendf(out, " %s%s %s (", count == 1 ? "was" : "were", is_alarm ? "" : " not",
                    alarm_comparison_words(spec));
        alarm_number_append(out, spec->threshold);
        buf_append_char(out, ')');
        buf_append_text(out, is_filled ? " and " : "");
    }
    if (is_filled)
        append_missing(out, spec, verdict);
    const size_t least = is_alarm ? spec->to_alarm : spec->periods - spec->to_alarm + 1;
    buf_appendf(out, " (minimum %zu datapoint%s for %s -> %s transition).", least, least == 1 ? "" : "s",
                alarm_state_names[before], alarm_state_names[verdict->state]);
}

/* --- as JSON ---------------------------------------------------------------------------------------- */

#define JSON_TIME "%Y-%m-%dT%H:%M:%S"

static void append_evaluated(struct buf *out, const struct alarm_spec *spec, const struct alarm_points *points,
                             const struct alarm_verdict *verdict)
{
    for (size_t n = 0; n < named(verdict); n++) {
        const size_t i = verdict->seen[n];
        append_time(out, n ? ",{\"timestamp\":\"" JSON_TIME ".000+0000\",\"value\":"
                           : "{\"timestamp\":\"" JSON_TIME ".000+0000\",\"value\":", time_of(spec, points, i));
        alarm_number_append(out, points->values[i]);
        buf_append_char(out, '}');
    }
}

void alarm_reason_data_append(struct buf *out, const struct alarm_spec *spec, const struct alarm_points *points,
                              const struct alarm_verdict *verdict, uint64_t now_us)
{
    const size_t oldest = named(verdict) ? verdict->seen[named(verdict) - 1] : points->count;
    append_time(out, "{\"version\":\"1.0\",\"queryDate\":\"" JSON_TIME, (int64_t)(now_us / 1000000));
    buf_appendf(out, ".%03u+0000\"", (unsigned)(now_us / 1000 % 1000));
    if (oldest < points->count)
        append_time(out, ",\"startDate\":\"" JSON_TIME ".000+0000\"", time_of(spec, points, oldest));
    if (spec->unit.len > 0)
        (void)json_append_member(out, "unit", spec->unit);
    if (spec->statistic.len > 0)
        (void)json_append_member(out, "statistic", spec->statistic);
    buf_appendf(out, ",\"period\":%u,\"recentDatapoints\":[", spec->period_s);
    for (size_t n = named(verdict); n-- > 0;) { /* oldest first */
        alarm_number_append(out, points->values[verdict->seen[n]]);
        buf_append_text(out, n ? "," : "");
    }
    buf_append_text(out, "],\"threshold\":");
    alarm_number_append(out, spec->threshold);
    buf_append_text(out, ",\"evaluatedDatapoints\":[");
    append_evaluated(out, spec, points, verdict);
    buf_append_text(out, "]}");
}
