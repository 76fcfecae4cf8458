/* config.c - see config.h. Defaults are the service's own retention. */
#include "monitor/config.h"

#define DAYS_MAX 3660

static const struct field fields[] = {
    {"minutes", FIELD_UINT32, FIELD_AT(monitor_config, minutes_days), .low = 1, .high = DAYS_MAX},
    {"five_minutes", FIELD_UINT32, FIELD_AT(monitor_config, five_minutes_days), .low = 1, .high = DAYS_MAX},
    {"hours", FIELD_UINT32, FIELD_AT(monitor_config, hours_days), .low = 1, .high = DAYS_MAX},
};
static const struct field_table table = FIELD_TABLE(fields, struct monitor_config);
static const struct monitor_config defaults = {.minutes_days = 15, .five_minutes_days = 63, .hours_days = 455};

/* A coarse point is made of finer ones that may be gone already, never the other way round. */
static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    const struct monitor_config *monitor = monitor_config(config);
    if (monitor->five_minutes_days < monitor->minutes_days)
        return yaml_fail_at(reader, "monitor.five_minutes", "expected at least the days of minutes, %u, got %u",
                            monitor->minutes_days, monitor->five_minutes_days);
    if (monitor->hours_days < monitor->five_minutes_days)
        return yaml_fail_at(reader, "monitor.hours", "expected at least the days of five_minutes, %u, got %u",
                            monitor->five_minutes_days, monitor->hours_days);
    return OK;
}

const struct config_section monitor_section = {
    .name = "monitor", .table = &table, .defaults = &defaults, .check = check};

const struct monitor_config *monitor_config(const struct config *config)
{
    return config_part(config->parts, &monitor_section);
}
