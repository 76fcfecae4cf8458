/* metrics.c - budgets as rows of /metrics. Names of subjects have no character that a label would have to escape
 * (subject.h; auth/tenant.c for tenants). */
#include <stdio.h>

#include "core/util.h"
#include "keys/keys.h"
#include "ledger/money.h"

#define BUDGETS_MAX 2000 /* of which there are rows: a scrape shall end */

struct row {
    const char *name, *kind, *help;
};

static void append_labels(struct buf *out, const struct account_spec *spec)
{
    buf_appendf(out, "{of=\"%s\",tenant=\"" STR_FMT "\",name=\"" STR_FMT "\",period=\"%s\",source=\"%s\"} ",
                subject_kind_names[spec->subject.kind], STR_ARG(spec->subject.tenant), STR_ARG(spec->subject.name),
                budget_period_names[spec->period], account_source_names[spec->source]);
}

static void append_value(struct buf *out, const struct account_state *state, size_t row)
{
    char text[MONEY_TEXT];
    const ledger_sum amounts[] = {(ledger_sum)state->spec.limit, state->spent, state->reserved};
    if (row < sizeof(amounts) / sizeof(amounts[0]))
        buf_appendf(out, "%s\n", money_dollars(amounts[row], text));
    else
        buf_appendf(out, "%llu\n", (unsigned long long)state->refused);
}

void keys_append_metrics(struct keys *keys, struct buf *out)
{
    static const struct row rows[] = {
        {"fulcrum_budget_limit_dollars", "gauge", "What may be spent in the period."},
        {"fulcrum_budget_spent_dollars", "gauge", "What was spent in the period that runs."},
        {"fulcrum_budget_reserved_dollars", "gauge", "What requests that run may cost at most."},
        {"fulcrum_budget_refused_total", "counter", "Requests that the budget had no room for."},
    };
    struct arena arena;
    struct account_state *states;
    struct error error;
    size_t count = 0;
    arena_init(&arena, 0);
    if (accounts_list(keys_accounts(keys), clock_wall_us(), &arena, &states, &count, &error) != OK)
        count = 0;
    count = count < BUDGETS_MAX ? count : BUDGETS_MAX;
    for (size_t row = 0; count > 0 && row < sizeof(rows) / sizeof(rows[0]); row++) {
        buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[row].name, rows[row].help, rows[row].name,
                    rows[row].kind);
        for (size_t i = 0; i < count; i++) {
            buf_append_text(out, rows[row].name);
            append_labels(out, &states[i].spec);
            append_value(out, &states[i], row);
        }
    }
    arena_deinit(&arena);
}
