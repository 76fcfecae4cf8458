/* limits.c - the values in force, and the table's rows for whoever prints or sets them. See limits.h. */
#include "core/limits.h"

#define LIMIT_DEFAULT(name, value, unit, what) .name = (value),
struct limits limits_in_force = {LIMITS(LIMIT_DEFAULT)};
#undef LIMIT_DEFAULT

#define LIMIT_ROW(name, value, unit, what) {#name, unit, what, value, offsetof(struct limits, name)},
static const struct limit_row rows[] = {LIMITS(LIMIT_ROW)};
#undef LIMIT_ROW

const struct limit_row *limits_rows(size_t *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

bool limits_set(struct str name, uint64_t value)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (str_eq(name, str_of(rows[i].name))) {
            memcpy((char *)&limits_in_force + rows[i].offset, &value, sizeof(value));
            return true;
        }
    }
    return false;
}
