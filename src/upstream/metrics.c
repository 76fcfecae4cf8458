/* metrics.c - see metrics.h. */
#include "upstream/metrics.h"

#include <inttypes.h>

#include "core/util.h"

/* The labels of one replica; of an upstream that has no other its name alone. */
static void append_labels(struct buf *out, const char *name, const struct replica *replica)
{
    buf_appendf(out, "%s{upstream=\"%s\"", name, replica->upstream->config->name);
    if (replica->upstream->replica_count > 1)
        buf_appendf(out, ",replica=\"%s\"", replica_name(replica));
}

static void append_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_row(struct buf *out, const char *name, const struct replica *replica, uint64_t value)
{
    append_labels(out, name, replica);
    buf_appendf(out, "} %" PRIu64 "\n", value);
}

/* In the order of fulcrum.yaml. */
static void each(struct upstreams *upstreams, struct buf *out, void (*append)(struct buf *out, struct replica *replica))
{
    for (size_t i = 0; i < upstreams->count; i++)
        for (size_t k = 0; k < upstreams->items[i].replica_count; k++)
            append(out, &upstreams->items[i].replicas[k]);
}

/* --- counters of health ----------------------------------------------------------------------------- */

static void append_causes(struct buf *out, struct replica *replica)
{
    struct health_counters counters;
    health_counters(&replica->health, &counters);
    for (size_t cause = 0; cause < RETRY_CAUSES; cause++) {
        append_labels(out, "fulcrum_upstream_failures_total", replica);
        buf_appendf(out, ",cause=\"%s\"} %" PRIu64 "\n", retry_cause_names[cause], counters.failures[cause]);
    }
}

static void append_first_byte(struct buf *out, struct replica *replica)
{
    struct health_counters counters;
    health_counters(&replica->health, &counters);
    append_labels(out, "fulcrum_upstream_first_byte_seconds_total", replica);
    buf_appendf(out, "} %.6f\n", (double)counters.first_byte_us / 1e6);
}

static void append_circuit(struct buf *out, struct replica *replica)
{
    struct health_counters counters;
    health_counters(&replica->health, &counters);
    append_row(out, "fulcrum_upstream_circuit", replica, counters.state);
}

static void append_counters(struct upstreams *upstreams, struct buf *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
        {"fulcrum_upstream_requests_total", "counter", "Requests for models of the upstream.",
         offsetof(struct health_counters, requests)},
        {"fulcrum_upstream_attempts_total", "counter", "Times that it was asked.",
         offsetof(struct health_counters, attempts)},
        {"fulcrum_upstream_retries_total", "counter", "Of them, again for the same request.",
         offsetof(struct health_counters, retries)},
        {"fulcrum_upstream_answers_total", "counter", "Whole replies.", offsetof(struct health_counters, answered)},
        {"fulcrum_upstream_cancelled_total", "counter", "Replies that were broken off because their client left.",
         offsetof(struct health_counters, cancelled)},
        {"fulcrum_upstream_turned_away_total", "counter",
         "Requests that it was not asked for: it rests, or has had what its limits allow.",
         offsetof(struct health_counters, turned_away)},
        {"fulcrum_upstream_opened_total", "counter", "Times that its circuit was opened.",
         offsetof(struct health_counters, opened)},
        {"fulcrum_upstream_usage_estimated_total", "counter", "Replies whose tokens it did not tell.",
         offsetof(struct health_counters, usage_estimated)},
        {"fulcrum_upstream_usage_odd_total", "counter", "Replies whose tokens do not add up to their total.",
         offsetof(struct health_counters, usage_odd)},
        {"fulcrum_upstream_running", "gauge", "Requests that it has now.", offsetof(struct health_counters, running)},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        append_head(out, rows[row].name, rows[row].type, rows[row].help);
        for (size_t i = 0; i < upstreams->count; i++)
            for (size_t k = 0; k < upstreams->items[i].replica_count; k++) {
                struct replica *replica = &upstreams->items[i].replicas[k];
                struct health_counters counters;
                uint64_t value;
                health_counters(&replica->health, &counters);
                memcpy(&value, (const char *)&counters + rows[row].offset, sizeof(value));
                append_row(out, rows[row].name, replica, value);
            }
    }
}

/* --- marks ------------------------------------------------------------------------------------------ */

static void append_marks(struct upstreams *upstreams, struct buf *out)
{
    static const char *const rows[][2] = {
        {"fulcrum_upstream_marks_placed_total", "Marks of the prompt cache that were placed for clients."},
        {"fulcrum_upstream_marks_withheld_total", "Prefixes that were long enough for one and not worth it."},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        append_head(out, rows[row][0], "counter", rows[row][1]);
        for (size_t i = 0; i < upstreams->count; i++) {
            uint64_t totals[2];
            if (!upstreams->items[i].marks)
                continue;
            marks_totals(upstreams->items[i].marks, &totals[0], &totals[1]);
            buf_appendf(out, "%s{upstream=\"%s\"} %" PRIu64 "\n", rows[row][0], upstreams->items[i].config->name,
                        totals[row]);
        }
    }
}

/* --- pools ------------------------------------------------------------------------------------------ */

static void append_reports(struct buf *out, struct replica *replica)
{
    static const char *const names[] = {"running", "waiting", "kv_permille"};
    const struct replica_report *report = &replica->report;
    const uint32_t values[] = {atomic_load(&report->running), atomic_load(&report->waiting),
                               atomic_load(&report->kv_permille)};
    if (atomic_load(&report->heard_us) == 0)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        append_labels(out, "fulcrum_upstream_replica_says", replica);
        buf_appendf(out, ",what=\"%s\"} %" PRIu32 "\n", names[i], values[i]);
    }
}

static void append_placed(struct upstreams *upstreams, struct buf *out)
{
    static const char name[] = "fulcrum_upstream_placed_total";
    append_head(out, name, "counter", "Requests that were given to a replica of a pool, by why to that one.");
    for (size_t i = 0; i < upstreams->count; i++)
        for (size_t why = 0; why < AFFINITY_WHYS && upstreams->items[i].affinity; why++)
            buf_appendf(out, "%s{upstream=\"%s\",why=\"%s\"} %" PRIu64 "\n", name, upstreams->items[i].config->name,
                        affinity_why_names[why], affinity_chosen(upstreams->items[i].affinity, (enum affinity_why)why));
}

static bool has_pool(const struct upstreams *upstreams)
{
    for (size_t i = 0; i < upstreams->count; i++)
        if (upstreams->items[i].affinity)
            return true;
    return false;
}

void upstreams_append_metrics(struct upstreams *upstreams, struct buf *out)
{
    if (upstreams->count == 0)
        return;
    append_counters(upstreams, out);
    append_head(out, "fulcrum_upstream_failures_total", "counter",
                "Attempts that an upstream did not answer, by what was wrong.");
    each(upstreams, out, append_causes);
    append_head(out, "fulcrum_upstream_first_byte_seconds_total", "counter",
                "Time that its answers took until their first block.");
    each(upstreams, out, append_first_byte);
    append_head(out, "fulcrum_upstream_circuit", "gauge", "Its circuit: 0 closed, 1 open, 2 half open.");
    each(upstreams, out, append_circuit);
    append_marks(upstreams, out);
    if (!has_pool(upstreams))
        return;
    append_placed(upstreams, out);
    append_head(out, "fulcrum_upstream_replica_says", "gauge",
                "What a replica's own metrics say: requests that run and wait, thousandths of its KV cache in use.");
    each(upstreams, out, append_reports);
}

void upstreams_append_notes(struct upstreams *upstreams, struct buf *out)
{
    const uint64_t now_us = clock_now_us();
    for (size_t i = 0; i < upstreams->count; i++) {
        struct upstream *upstream = &upstreams->items[i];
        for (size_t k = 0; k < upstream->replica_count && upstream->affinity; k++) {
            struct health_counters counters;
            health_counters(&upstream->replicas[k].health, &counters);
            if (counters.state != HEALTH_CLOSED || counters.rests_until_us > now_us)
                buf_appendf(out, "upstream %s: replica %s is left alone for a while\n", upstream->config->name,
                            replica_name(&upstream->replicas[k]));
        }
    }
}
