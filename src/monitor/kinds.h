/* kinds.h - which metrics there are, by kind: of which namespace, by which dimensions, in which unit, and what a line
 * of the ledger says for each. docs/MONITORING.md prints the same. Pure, any thread.
 *
 * A kind is a list of metrics that are kept together, in rows told apart by its fields. A metric shows under each of
 * the kind's sets of dimensions: the rows that differ in other fields are added up when somebody asks. */
#ifndef MONITOR_KINDS_H
#define MONITOR_KINDS_H

#include "ledger/line.h"
#include "monitor/sketch.h"

enum monitor_kind {
    KIND_OWN,     /* one metric of a client's own: its fields are namespace, name, dimensions and unit */
    KIND_BEDROCK, /* AWS/Bedrock: as the service has them */
    KIND_USE,     /* Fulcrum, from here on */
    KIND_LEVER,
    KIND_ROUTER,
    KIND_MISS,
    KINDS,
};

#define KIND_FIELDS_MAX 4
#define KIND_METRICS_MAX 12
#define KIND_SETS_MAX 3

struct kind_metric {
    const char *name, *unit;
    double scale;    /* kept numbers for each of the unit */
    enum sketch_width width; /* of the sketch for percentiles; coarse ones are kept by the hour alone */
};

struct kind {
    const char *namespace;
    const char *fields[KIND_FIELDS_MAX];
    size_t field_count;
    unsigned sets[KIND_SETS_MAX]; /* bits of fields */
    size_t set_count;
    struct kind_metric metrics[KIND_METRICS_MAX];
    size_t metric_count;
};
extern const struct kind monitor_kinds[KINDS];

/* Metrics of KIND_BEDROCK that requests without a line count into. */
enum { BEDROCK_CLIENT_ERRORS = 2, BEDROCK_SERVER_ERRORS, BEDROCK_THROTTLES };

/* The model's ID as its dimension has it: what stands behind the last slash of an ARN. */
struct str kinds_model_id(struct str requested);

/* Samples of one line: fields[] of the kind, and for each of its metrics a value, in kept numbers, NAN where the line
 * says nothing of it. Stops when `each` is false. */
typedef bool kinds_each(void *ctx, enum monitor_kind kind, const struct str *fields, const double *values);
bool kinds_of_line(const struct ledger_line *line, kinds_each *each, void *ctx);

#endif
