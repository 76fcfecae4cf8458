/* asker.h - whose data a request of the console may see. Every handler below /fulcrum asks this and nothing else about
 * who is asking. On the exchange's I/O thread. */
#ifndef API_CONSOLE_ASKER_H
#define API_CONSOLE_ASKER_H

#include "api/call.h"

struct console_asker {
    bool is_admin;     /* of all tenants; without tenants in fulcrum.yaml everybody is */
    struct str tenant; /* whose data is asked for; data NULL: everybody's, which is only an admin's to ask */
};

/* An admin sees all tenants, or the one of `?tenant=`. A viewer sees its own: what it asks of another is not there
 * (ERROR_NOT_FOUND). The tenant lies in the exchange's arena. */
enum error_code console_asker(struct api_call *call, struct console_asker *asker, struct error *error) WARN_UNUSED;

/* Whether what belongs to `tenant` is there for this asker. */
bool console_asker_sees(const struct console_asker *asker, struct str tenant);

#endif
