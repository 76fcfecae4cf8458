/* report.h - what training and evaluation print: a table, JSON, and the quality-cost curve as SVG. One thread. */
#ifndef ROUTE_REPORT_H
#define ROUTE_REPORT_H

#include "core/buf.h"
#include "route/train.h"

void report_append_text(struct buf *out, const struct train_report *report);

/* {"rows", "models", "auc", "auc_low", "auc_high", "calibration_error", "apgr", "curve": [{"strong_share", "quality",
 * "cost"}], "baselines": {NAME: {"auc", "apgr", "curve"}}} and a line feed. */
void report_append_json(struct buf *out, const struct train_report *report);

/* Quality over cost, the curve of each method that predicts and a dot for each single model. */
void report_append_svg(struct buf *out, const struct train_report *report);

#endif
