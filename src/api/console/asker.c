/* From an identity to what it may see. */
#include "api/console/asker.h"

enum error_code console_asker(struct api_call *call, struct console_asker *asker, struct error *error)
{
    const struct str wanted = http_query_get(call->exchange, "tenant");
    const struct str own = str_of(call->identity.tenant);
    *asker = (struct console_asker){.is_admin = call->identity.is_admin};
    asker->tenant = asker->is_admin ? wanted : own;
    if (asker->is_admin || !wanted.data || str_eq(wanted, own))
        return OK;
    return error_set(error, ERROR_NOT_FOUND, "tenant: there is no tenant '" STR_FMT "'",
                     STR_ARG(str_slice(wanted, 0, AUTH_TENANT_MAX)));
}

bool console_asker_sees(const struct console_asker *asker, struct str tenant)
{
    return !asker->tenant.data || str_eq(asker->tenant, tenant);
}
