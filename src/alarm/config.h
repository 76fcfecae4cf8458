/* config.h - `alarms:` of fulcrum.yaml: how often alarms are evaluated, and where their actions lead.
 *
 *   alarms:
 *     interval: 60s
 *     actions:                                  # what alarms name: ARNs
 *       "arn:aws:sns:us-east-1:123456789012:ops": {url: "https://hooks.example.com/ops", secret_env: OPS_SECRET}
 *     allowed:                                  # addresses that alarms may name themselves, by how they begin
 *       - {url: "https://hooks.example.com/", secret_file: hook.secret}
 */
#ifndef ALARM_CONFIG_H
#define ALARM_CONFIG_H

#include "core/config.h"

struct alarm_hook {
    const char *action; /* an ARN; NULL: of addresses that are allowed */
    const char *url;    /* where the action leads; of allowed ones how they begin */
    const char *secret_file, *secret_env; /* one of them, or none: nothing is signed */
};

struct alarm_config {
    uint64_t interval_ms, retry_ms;
    struct alarm_hook *actions, *allowed;
    size_t action_count, allowed_count;
};
extern const struct config_section alarms_section;
const struct alarm_config *alarm_config(const struct config *config);

/* The hook of an action: by its ARN, or, where it is an address, by what it begins with. NULL: there is none. */
const struct alarm_hook *alarm_hook_of(const struct alarm_config *config, struct str action);

#endif
