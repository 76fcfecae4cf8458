/* error.c - writing messages into an error. What a code is called outside is for each dialect. See error.h. */
#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum error_code error_set(struct error *error, enum error_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->code = code;
    error->retry_s = 0;
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return code;
}

enum error_code error_set_errno(struct error *error, enum error_code code, int os_errno, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->code = code;
    error->retry_s = 0;
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);

    char reason[128];
    const char *text = strerror_r(os_errno, reason, sizeof(reason));
    size_t used = strlen(error->message);
    (void)snprintf(error->message + used, sizeof(error->message) - used, ": %s", text);
    return code;
}

enum error_code error_no_memory(struct error *error)
{
    static const char text[] = "out of memory";
    error->code = ERROR_NO_MEMORY;
    error->retry_s = 0;
    memcpy(error->message, text, sizeof(text));
    return ERROR_NO_MEMORY;
}

enum error_code error_prefix(struct error *error, const char *format, ...)
{
    char prefix[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);

    char whole[2 * ERROR_MESSAGE_MAX + 2];
    (void)snprintf(whole, sizeof(whole), "%s: %s", prefix, error->message);
    whole[ERROR_MESSAGE_MAX - 1] = '\0';
    memcpy(error->message, whole, strlen(whole) + 1);
    return error->code;
}
