/* config.h - `monitor` in fulcrum.yaml: for how many days points of each size are kept. Any thread. */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include "core/config_section.h"

struct monitor_config {
    uint32_t minutes_days, five_minutes_days, hours_days;
};

extern const struct config_section monitor_section;
const struct monitor_config *monitor_config(const struct config *config);

#endif
