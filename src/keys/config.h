/* config.h - `budgets:` of a tenant in fulcrum.yaml.
 *
 *   tenants:
 *     - name: shop
 *       budgets:
 *         day: 5                          # dollars; UTC
 *         week: 20                        # from Monday
 *         month: 50
 *         alert: arn:aws:sns:us-east-1:000000000000:ops    # one of alarms.actions, or an address that is allowed
 *         tags: [{tag: team=search, month: 20}]
 */
#ifndef KEYS_CONFIG_H
#define KEYS_CONFIG_H

#include "core/config.h"
#include "keys/window.h"

struct budget_tag {
    const char *tag; /* "KEY=VALUE" */
    uint64_t limits[BUDGET_PERIODS]; /* picodollars; 0: none */
};

struct budget_config {
    uint64_t limits[BUDGET_PERIODS];
    const char *alert; /* an action of alarms (alarm/config.h), for all of these; NULL: none */
    struct budget_tag *tags;
    size_t tag_count;
};
extern const struct config_section budgets_section;
const struct budget_config *budget_config(const struct config_tenant *tenant);

#define BUDGET_MAX (1000000 * UINT64_C(1000000000000)) /* a million dollars */

#endif
