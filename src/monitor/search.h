/* search.h - what a SEARCH of metric math looks for: '{Namespace,Dimension,...} words MetricName="exact" AND (a OR b)'.
 *
 * In braces stands the namespace with the names of all dimensions that a metric must have, no more and no less; the
 * namespace alone takes any. Terms without a property are looked for in names, dimensions and namespace; in quotes the
 * whole text must be equal, else words of it match words, which begin at capitals, at digits and behind what is neither
 * letter nor digit. Pure. Any thread. */
#ifndef MONITOR_SEARCH_H
#define MONITOR_SEARCH_H

#include <stdbool.h>

#include "core/error.h"
#include "core/mem.h"

struct search_dimension {
    struct str name, value;
};

struct search_metric {
    struct str name_space, name;
    const struct search_dimension *dimensions;
    size_t count;
};

struct search;

/* Strings are borrowed from the text or lie in the arena. ERROR_INVALID says where. */
enum error_code search_parse(struct str text, struct arena *arena, struct search **search,
                             struct error *error) WARN_UNUSED;
bool search_matches(const struct search *search, const struct search_metric *metric);
/* The namespace that all matches have; empty: it isn't said. */
struct str search_namespace(const struct search *search);

#endif
