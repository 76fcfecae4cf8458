/* One port, two families of protocols: each request goes to the room that speaks its own. */
#include "cmd/front.h"

#include "api/api.h"
#include "core/log.h"
#include "core/util.h"
#include "s3/s3.h"

void front_on_head(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_thread *thread = thread_ctx;
    if (s3_is_meant(thread->api->config, exchange))
        s3_on_head(thread, exchange);
    else
        api_on_head(thread, exchange);
}

/* What api_on_head has looked at has its call in `user`. */
void front_on_request(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_thread *thread = thread_ctx;
    if (exchange->on_body || (!exchange->user && s3_is_meant(thread->api->config, exchange)))
        s3_on_request(thread, exchange);
    else
        api_on_request(thread, exchange);
}

void front_on_protocol_error(void *ctx, int status, const char *message, struct http_exchange *exchange)
{
    char request_id[UUID_LEN + 1];
    const struct api *api = ctx;
    uuid_v4(request_id);
    log_event(LOG_INFO, "refused", LOG_C("id", request_id), LOG_I("status", status), LOG_C("reason", message));
    if (s3_is_meant(api->config, exchange))
        s3_refuse(exchange, status, message, request_id);
    else
        api_refuse(exchange, status, message, request_id);
}
