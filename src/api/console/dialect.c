/* Errors of the console's API: the service's names, in a form of their own. */
#include "api/console/dialect.h"

#include "api/bedrock/dialect.h"

static struct dialect_error of_code(enum error_code code)
{
    return bedrock_dialect.of_code(code);
}

/* Who is nobody yet may become somebody: by a login. */
static struct dialect_error of_auth(enum auth_problem problem)
{
    struct dialect_error error = bedrock_dialect.of_auth(problem);
    if (problem == AUTH_MISSING)
        error.status = 401;
    return error;
}

static const char *of_status(int status)
{
    return status == 404 ? "ResourceNotFoundException" : bedrock_dialect.of_status(status);
}

static bool append_error(struct buf *out, const struct dialect_error *error, struct str message,
                         const char *request_id)
{
    (void)request_id;
    buf_append_text(out, "{\"error\":{\"type\":");
    buf_append_json(out, str_of(error->name));
    buf_append_text(out, ",\"message\":");
    buf_append_json(out, message);
    return buf_append_text(out, "}}");
}

const struct dialect console_dialect = {
    .name = "console",
    .id_header = "x-amzn-requestid",
    .error_type = "application/json",
    .challenge = "Bearer",
    .admit = console_admit,
    .no_memory = STR("{\"error\":{\"type\":\"InternalServerException\",\"message\":\"The server is out of memory.\"}}"),
    .of_code = of_code,
    .of_auth = of_auth,
    .of_status = of_status,
    .append_error = append_error,
};
