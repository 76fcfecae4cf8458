/* console.h - the handlers of operations below /fulcrum and /console, by file. On the exchange's I/O thread. */
#ifndef API_CONSOLE_H
#define API_CONSOLE_H

#include "api/call.h"

/* --- usage.c, series.c, requests.c, request.c, cache.c, tenants.c, now.c --- */
void console_usage(struct api_call *call);
void console_series(struct api_call *call);
void console_requests(struct api_call *call);
void console_request(struct api_call *call);
void console_cache(struct api_call *call);
void console_tenants(struct api_call *call);
void console_now(struct api_call *call);

/* --- session.c --- */
void console_session_get(struct api_call *call);
void console_session_post(struct api_call *call);
void console_session_delete(struct api_call *call);
void console_login(struct api_call *call); /* GET /console/login?link=... */

/* --- models.c, jobs.c, job_details.c, routers.c, advice.c, alarms.c --- */
void console_models(struct api_call *call);
void console_jobs(struct api_call *call);
void console_job_details(struct api_call *call);
void console_routers(struct api_call *call);
void console_advice(struct api_call *call);
void console_alarms(struct api_call *call);

/* --- keys.c --- */
void console_keys(struct api_call *call);
void console_key_create(struct api_call *call);
void console_key_revoke(struct api_call *call);
void console_budgets(struct api_call *call);
void console_budget_set(struct api_call *call);

#endif
