/* api_client.h - one request to a running server, for subcommands: signed with
 * AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) or with
 * AWS_BEARER_TOKEN_BEDROCK where they are set, so that a command sees what
 * programs with the same environment see. One thread. */
#ifndef CMD_API_CLIENT_H
#define CMD_API_CLIENT_H

#include "core/buf.h"
#include "core/error.h"

struct api_client;

/* `endpoint` NULL: FULCRUM_ENDPOINT, or http://127.0.0.1:8080 without that. */
enum error_code api_client_new(const char *endpoint, struct api_client **client, struct error *error) WARN_UNUSED;
void api_client_free(struct api_client *client); /* NULL is legal */

/* `target` is path and query, percent-encoded; the parameters of a query in
 * alphabetical order. `body` data NULL: GET, else POST of JSON. The reply's body
 * goes into `reply`, cleared before. Other statuses than 200 are errors with
 * the server's own message; ERROR_UNAVAILABLE: nobody answers. */
enum error_code api_client_call(struct api_client *client, const char *target, struct str body, struct buf *reply,
                                struct error *error) WARN_UNUSED;
/* PUT of these bytes, into the object store. */
enum error_code api_client_put(struct api_client *client, const char *target, struct str body, struct buf *reply,
                               struct error *error) WARN_UNUSED;
enum error_code api_client_delete(struct api_client *client, const char *target, struct buf *reply,
                                  struct error *error) WARN_UNUSED;

#endif
