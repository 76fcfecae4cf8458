/* report.h - a comparison as a table for a terminal, as JSON, and as one HTML page. Writes into buffers. Any thread.
 *
 * The page is whole in itself: it asks for no other resource and runs no script, and says so to the browser (a content
 * security policy). All that models, prompts and files said is text in it: marked up by nobody, with control characters
 * and broken UTF-8 shown as U+FFFD, each piece with a direction of its own. Of the rows that differ it has
 * LIMIT_EVAL_REPORT_ROWS, those first that the first model lost by most, each text up to LIMIT_EVAL_REPORT_TEXT. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include "eval/compare.h"

struct report_about {
    const char *data;  /* where the rows come from */
    uint64_t wall_us;  /* when; 0: not said */
};

enum error_code comparison_append_table(struct buf *out, const struct comparison *comparison, struct error *error)
    WARN_UNUSED;
enum error_code comparison_append_json(struct buf *out, const struct comparison *comparison, struct error *error)
    WARN_UNUSED;
enum error_code comparison_append_page(struct buf *out, const struct comparison *comparison,
                                   const struct report_about *about, struct error *error) WARN_UNUSED;

/* Text as HTML shows it: nothing in it is markup. */
void html_append_escaped(struct buf *out, struct str text);

#endif
