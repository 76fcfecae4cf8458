/* One port, two families of protocols: each request goes to the room that speaks its own. */
#include "cmd/front.h"

#include "api/api.h"
#include "api/upload.h"
#include "core/log.h"
#include "core/util.h"
#include "s3/s3.h"

/* In the `user` of exchanges that are S3's and whose body comes whole. */
static char of_s3;

/* The one place where it is found out what a request is. */
void front_on_head(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_thread *thread = thread_ctx;
    struct meant meant;
    meant_read(&meant, exchange);
    if (!s3_is_meant(thread->api->config, &meant)) {
        api_on_head(thread, exchange, &meant);
        return;
    }
    s3_on_head(thread, exchange);
    if (!exchange->on_body)
        exchange->user = &of_s3;
}

void front_on_request(void *thread_ctx, struct http_exchange *exchange)
{
    struct api_thread *thread = thread_ctx;
    const bool is_s3 = exchange->user == &of_s3 || (exchange->on_body && !upload_call(exchange));
    if (is_s3)
        s3_on_request(thread, exchange);
    else
        api_on_request(thread, exchange);
}

/* The headers may be what is broken: then there is nothing to go by but what came of them. */
void front_on_protocol_error(void *ctx, int status, const char *message, struct http_exchange *exchange)
{
    char request_id[UUID_LEN + 1];
    const struct api *api = ctx;
    struct meant meant;
    uuid_v4(request_id);
    log_event(LOG_INFO, "refused", LOG_C("id", request_id), LOG_I("status", status), LOG_C("reason", message));
    meant_read(&meant, exchange);
    if (s3_is_meant(api->config, &meant))
        s3_refuse(exchange, status, message, request_id);
    else
        api_refuse(exchange, status, message, request_id);
}
