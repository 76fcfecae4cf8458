/* decide.h - from datapoints to an alarm's state: M of N, and what is made of points that are missing.
 *
 * More periods are looked at than the alarm has (ALARM_PERIODS_MORE): where some are empty, the newest that have a
 * point are taken, as many as EvaluationPeriods. Only when there are fewer of them, what is missing is filled in as
 * TreatMissingData says. Pure functions, any thread. */
#ifndef ALARM_DECIDE_H
#define ALARM_DECIDE_H

#include "alarm/spec.h"

#define ALARM_PERIODS_MORE 2
#define ALARM_NAMED_MAX 100 /* datapoints that a reason names */

struct alarm_points {
    const double *values; /* oldest first; NAN: the period has none */
    size_t count;
    int64_t first_s;      /* when the oldest period begins */
};

struct alarm_verdict {
    enum alarm_state state;
    size_t seen[ALARM_NAMED_MAX]; /* indexes of the points that were taken, the newest first */
    size_t seen_count;            /* all that were taken; of them the first ALARM_NAMED_MAX are listed */
    size_t breaching;             /* of those taken */
    size_t missing;               /* periods that had to be filled in */
};

/* `now`: the state that it has. */
void alarm_decide(const struct alarm_spec *spec, enum alarm_state now, const struct alarm_points *points,
                  struct alarm_verdict *verdict);

/* Why: "Threshold Crossed: 3 datapoints [...] were less than the threshold (60.0)." */
void alarm_reason_append(struct buf *out, const struct alarm_spec *spec, enum alarm_state before,
                         const struct alarm_points *points, const struct alarm_verdict *verdict);
/* The same as a JSON object. */
void alarm_reason_data_append(struct buf *out, const struct alarm_spec *spec, const struct alarm_points *points,
                              const struct alarm_verdict *verdict, uint64_t now_us);

/* Whole numbers with ".0", others as short as they can be read again. */
void alarm_number_append(struct buf *out, double value);

#endif
