/* report.h - an advice as a table for a terminal, as JSON (docs/ADVISOR.md), as one HTML page, and as the fulcrum.yaml
 * that would do it. Writes into buffers. Any thread.
 *
 * The page is whole in itself: pictures are drawn in it, it asks for no other resource and runs no script, and says so
 * to the browser. All that prompts, models and files said is text in it, marked up by nobody. */
#ifndef ADVISE_REPORT_H
#define ADVISE_REPORT_H

#include "advise/advice.h"
#include "core/buf.h"

enum error_code advice_append_table(struct buf *out, const struct advice *advice, struct error *error) WARN_UNUSED;
enum error_code advice_append_json(struct buf *out, const struct advice *advice, struct error *error) WARN_UNUSED;
enum error_code advice_append_page(struct buf *out, const struct advice *advice, struct error *error) WARN_UNUSED;
enum error_code advice_append_config(struct buf *out, const struct advice *advice, struct error *error) WARN_UNUSED;

/* Levers that are worth it, the one to start with first; returns how many. */
unsigned advice_order(const struct advice *advice, unsigned order[PLAN_LEVERS]);
/* Where no lever is worth it: what is said then. */
const char *advice_verdict(const struct advice *advice);

#endif
