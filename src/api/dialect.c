/* Errors as replies, in the words of a dialect's table. */
#include "api/dialect.h"

#include <assert.h>
#include <stdio.h>

#include "core/json.h"

#define RETRY_USUAL_S 1 /* where nobody knows better */

#define OWN_HEADERS 4
#define EXTRA_HEADERS_MAX 5
#define BODY_MAX (8 * ERROR_MESSAGE_MAX)

const char *dialect_message(const struct dialect *dialect, const struct error *error)
{
    bool is_internal = error->code == ERROR_IO || error->code == ERROR_NO_MEMORY || error->code == ERROR_INTERNAL ||
                       error->code == OK;
    if (is_internal)
        return "The server failed on this request; its log says why.";
    return error->message[0] ? error->message : dialect->of_code(error->code).name;
}

struct dialect_error dialect_error_of(const struct dialect_error *errors, size_t count, enum error_code code)
{
    return (size_t)code < count && errors[code].name ? errors[code] : errors[ERROR_INTERNAL];
}

enum error_code dialect_peek(yyjson_val *root, struct str *model, bool *is_stream, struct error *error)
{
    enum error_code code = json_get_str(root, "", "model", model, NULL, error);
    if (code == OK && model->len == 0)
        code = error_set(error, ERROR_INVALID, "model: required and missing");
    return code == OK ? json_get_bool(root, "", "stream", is_stream, NULL, error) : code;
}

void dialect_refuse(const struct dialect *dialect, struct http_exchange *exchange, const struct dialect_error *error,
                    const char *message, const char *request_id, const struct http_header *extra, size_t extra_count)
{
    struct http_header headers[OWN_HEADERS + EXTRA_HEADERS_MAX];
    struct buf body;
    size_t count = 0;
    assert(extra_count <= EXTRA_HEADERS_MAX);
    headers[count++] = (struct http_header){STR("content-type"), str_of(dialect->error_type)};
    if (dialect->name_header)
        headers[count++] = (struct http_header){str_of(dialect->name_header), str_of(error->name)};
    headers[count++] = (struct http_header){str_of(dialect->id_header), str_of(request_id)};
    if (error->status == 401 && dialect->challenge)
        headers[count++] = (struct http_header){STR("www-authenticate"), str_of(dialect->challenge)};
    for (size_t i = 0; i < extra_count; i++)
        headers[count++] = extra[i];
    buf_init(&body, BODY_MAX);
    bool is_written = dialect->append_error(&body, error, str_of(message), request_id);
    http_respond(exchange, error->status, headers, count, is_written ? buf_str(&body) : dialect->no_memory);
    buf_deinit(&body);
}

void dialect_fail(const struct dialect *dialect, struct http_exchange *exchange, const struct error *error,
                  const char *request_id)
{
    dialect_fail_with(dialect, exchange, error, request_id, NULL, 0);
}

void dialect_fail_with(const struct dialect *dialect, struct http_exchange *exchange, const struct error *error,
                       const char *request_id, const struct http_header *extra, size_t extra_count)
{
    struct http_header headers[3];
    size_t count = 0;
    char seconds[16];
    const bool is_vain = error->code == ERROR_BUDGET; /* before the budget begins again */
    int len = snprintf(seconds, sizeof(seconds), "%u", error->retry_s ? error->retry_s : RETRY_USUAL_S);
    const struct dialect_error known = dialect->of_code(error->code);
    assert(extra_count <= 2);
    if (is_vain)
        headers[count++] = (struct http_header){STR("x-should-retry"), STR("false")};
    else if (known.status == 429 || known.status == 503)
        headers[count++] = (struct http_header){STR("retry-after"), {seconds, (size_t)len}};
    for (size_t i = 0; i < extra_count; i++)
        headers[count++] = extra[i];
    dialect_refuse(dialect, exchange, &known, dialect_message(dialect, error), request_id, headers, count);
}
