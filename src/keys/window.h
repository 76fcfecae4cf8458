/* window.h - days, weeks and months, by which budgets count: UTC, weeks begin on Monday. Days are numbers since
 * 1970-01-01. Pure functions, any thread. */
#ifndef KEYS_WINDOW_H
#define KEYS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

enum budget_period { BUDGET_DAY, BUDGET_WEEK, BUDGET_MONTH, BUDGET_PERIODS };
extern const char *const budget_period_names[BUDGET_PERIODS + 1]; /* "day", ...; ends with NULL */
bool budget_period_find(struct str name, enum budget_period *period);

#define WINDOW_DAY_US UINT64_C(86400000000)
#define WINDOW_DAYS_MAX 31

struct window {
    uint32_t first_day, end_day; /* the end is not in it */
};

static inline uint32_t window_day(uint64_t wall_us)
{
    return (uint32_t)(wall_us / WINDOW_DAY_US);
}

struct window window_at(enum budget_period period, uint32_t day);

static inline bool window_has(const struct window *window, uint32_t day)
{
    return day >= window->first_day && day < window->end_day;
}

static inline uint64_t window_end_us(const struct window *window)
{
    return window->end_day * WINDOW_DAY_US;
}

#endif
