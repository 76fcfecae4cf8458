/* label.h - labels of series with what is filled in at each answer: ${MAX}, ${PROP('Dim.ModelId')}, ... Pure functions.
 *
 * The words are the service's ("Use dynamic labels" of its user guide). A minimum width may follow: ${LABEL|10}, with
 * -10 the text stands at the left. What is no such word stays as it was written. */
#ifndef API_MONITORING_LABEL_H
#define API_MONITORING_LABEL_H

#include "core/mem.h"
#include "monitor/query.h"

struct label_moment {
    const char *account, *region;
    int64_t now_s, zone_s; /* since 1970; what is added to UTC where a time is shown */
};

struct label_series {
    const struct monitor_metric *metric; /* NULL: made of several, its properties are empty */
    struct str stat;
    struct str label; /* that it has where nobody says any */
    uint32_t period_s;
    int64_t first_s;      /* time of values[0] */
    const double *values; /* NAN: none there */
    size_t count;
};

#define LABEL_BYTES_MAX 4096

bool label_is_dynamic(struct str label);

/* Into the arena; cut off behind LABEL_BYTES_MAX. data NULL: no memory. */
struct str label_expand(struct str label, const struct label_moment *moment, const struct label_series *series,
                        struct arena *arena);

/* "+0130", "-0800": seconds. False: it is no such thing. */
bool label_zone(struct str text, int64_t *zone_s);

#endif
