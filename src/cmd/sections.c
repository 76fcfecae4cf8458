/* sections.c - see sections.h. */
#include "cmd/sections.h"

#include "alarm/config.h"
#include "cache/config.h"
#include "core/config_section.h"
#include "document/config.h"
#include "engine/tier.h"
#include "generate/reservation.h"
#include "keys/config.h"
#include "keys/rates.h"
#include "ledger/price_config.h"
#include "model/replies.h"
#include "model/router.h"
#include "monitor/config.h"
#include "net/tls_config.h"
#include "recall/config.h"
#include "store/objects_config.h"
#include "traces/config.h"
#include "upstream/config.h"

const struct config_section *const program_sections[] = {
    &config_server_section,  &cache_section,         &replies_section,     &tls_section,
    &config_tenants_section, &reservation_section,   &cache_share_section, &tenant_objects_section,
    &tenant_routing_section, &tenant_recall_section, &routers_section,     &config_limits_section,
    &prices_section,         &budgets_section,       &tenant_rate_section, &tiers_section,
    &s3_section,             &objects_section,       &documents_section,   &monitor_section,
    &traces_section,         &alarms_section,        &upstreams_section,   NULL,
};
