/* spec.h - what an alarm watches and when it fires: the members of PutMetricAlarm, read and checked.
 *
 * An alarm over one metric is a set of one query; one over Metrics is that set, of which one query is watched. Pure
 * functions, any thread. */
#ifndef ALARM_SPEC_H
#define ALARM_SPEC_H

#include "core/json.h"
#include "monitor/math.h"
#include "monitor/query.h"

enum alarm_state { ALARM_STATE_OK, ALARM_STATE_ALARM, ALARM_STATE_INSUFFICIENT, ALARM_STATES };
extern const char *const alarm_state_names[ALARM_STATES];    /* "OK", "ALARM", "INSUFFICIENT_DATA" */
extern const char *const alarm_action_members[ALARM_STATES]; /* "OKActions", ... */
bool alarm_state_find(struct str name, enum alarm_state *state);

enum alarm_comparison { ALARM_GREATER_EQUAL, ALARM_GREATER, ALARM_LESS, ALARM_LESS_EQUAL };
enum alarm_missing { ALARM_MISSING, ALARM_IGNORE, ALARM_BREACHING, ALARM_NOT_BREACHING };

struct alarm_metric {
    struct monitor_metric metric; /* without a tenant */
    struct monitor_stat stat;
};

struct alarm_spec {
    struct str *actions[ALARM_STATES];
    size_t action_counts[ALARM_STATES];
    enum alarm_comparison comparison;
    enum alarm_missing missing;
    double threshold;
    uint32_t periods;    /* EvaluationPeriods */
    uint32_t to_alarm;   /* DatapointsToAlarm, or all of them */
    bool has_to_alarm;
    struct str statistic, unit; /* of an alarm over one metric; else empty */
    struct math_query *queries;
    struct alarm_metric *metrics; /* of the same index; of expressions empty */
    size_t count, watched;
    struct math *math;
    uint32_t period_s;   /* of the watched query */
};

#define ALARM_ACTIONS_MAX 5 /* for one state */

/* `config`: an object whose members have their types. Everything lies in the arena. ERROR_INVALID names the member. */
enum error_code alarm_spec_read(yyjson_val *config, struct arena *arena, struct alarm_spec *spec,
                                struct error *error) WARN_UNUSED;

/* Those members of a PutMetricAlarm that make the alarm, without name, tags and ActionsEnabled, as an object. */
bool alarm_config_append(struct buf *out, yyjson_val *input);

/* Whether `value` is beyond the threshold. */
bool alarm_breaches(const struct alarm_spec *spec, double value);
/* The words for it: "less than the threshold". */
const char *alarm_comparison_words(const struct alarm_spec *spec);

#endif
