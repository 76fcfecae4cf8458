/* window.c - see window.h. The calendar is the C library's. */
#include "keys/window.h"

#include <assert.h>
#include <time.h>

#define DAY_S 86400
#define WEEKDAY_OF_1970 3 /* of 1970-01-01, a Thursday, from Monday */

const char *const budget_period_names[BUDGET_PERIODS + 1] = {
    [BUDGET_DAY] = "day", [BUDGET_WEEK] = "week", [BUDGET_MONTH] = "month"};

bool budget_period_find(struct str name, enum budget_period *period)
{
    for (int i = 0; i < BUDGET_PERIODS; i++) {
        if (!str_eq(name, str_of(budget_period_names[i])))
            continue;
        *period = (enum budget_period)i;
        return true;
    }
    return false;
}

static struct window month_of(uint32_t day)
{
    struct tm date;
    const time_t seconds = (time_t)day * DAY_S;
    (void)gmtime_r(&seconds, &date);
    const uint32_t first = day - (uint32_t)(date.tm_mday - 1);
    date.tm_mday = 1;
    date.tm_mon++; /* timegm takes a thirteenth month for January */
    return (struct window){first, (uint32_t)(timegm(&date) / DAY_S)};
}

struct window window_at(enum budget_period period, uint32_t day)
{
    const uint32_t weekday = (day + WEEKDAY_OF_1970) % 7;
    const uint32_t monday = day > weekday ? day - weekday : 0;
    assert(period < BUDGET_PERIODS);
    switch (period) {
    case BUDGET_WEEK: return (struct window){monday, day - weekday + 7};
    case BUDGET_MONTH: return month_of(day);
    case BUDGET_DAY:
    default: return (struct window){day, day + 1};
    }
}
