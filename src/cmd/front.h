/* front.h - what net hands a request to: S3's protocol or the API, by what the client spoke. The callbacks of struct
 * server_options; ctx is the api, thread_ctx what api_thread_start gave. */
#ifndef CMD_FRONT_H
#define CMD_FRONT_H

#include "net/server.h"

void front_on_head(void *thread_ctx, struct http_exchange *exchange);
void front_on_request(void *thread_ctx, struct http_exchange *exchange);
void front_on_protocol_error(void *ctx, int status, const char *message, struct http_exchange *exchange);

#endif
