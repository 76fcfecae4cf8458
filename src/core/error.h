/* error.h - the one result type: a code and a message.
 *
 * Functions that can fail return enum error_code and fill *error (never NULL)
 * when the code is not OK. The message names the field, file or limit and says
 * what to do; dialects turn the code into their own error names.
 * Any thread. No allocation. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stddef.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum error_code {
    OK = 0,
    ERROR_INVALID,      /* the caller's input is wrong           (ValidationException 400) */
    ERROR_NOT_FOUND,    /* no such resource                      (ResourceNotFoundException 404) */
    ERROR_DENIED,       /* who asks may not                      (AccessDeniedException 403) */
    ERROR_CONFLICT,     /* it exists already or is in use        (ConflictException 400) */
    ERROR_QUOTA,        /* a configured quota is used up         (ServiceQuotaExceededException 400) */
    ERROR_TAGS,         /* more tags than a resource may have    (TooManyTagsException 400) */
    ERROR_TOO_LARGE,    /* body or document over its limit       (ValidationException 400; HTTP 413 outside) */
    ERROR_THROTTLED,    /* refused early, retry later            (ThrottlingException 429) */
    ERROR_BUDGET,       /* what may be spent is spent            (no other try before the budget begins again) */
    ERROR_NOT_READY,    /* the model is still loading            (ModelNotReadyException 429) */
    ERROR_TIMEOUT,      /* the model took too long               (ModelTimeoutException 408) */
    ERROR_MODEL,        /* the engine failed on this request     (ModelErrorException 424) */
    ERROR_UNAVAILABLE,  /* the engine is not there right now     (ServiceUnavailableException 503) */
    ERROR_CANCELLED,    /* the client went away */
    ERROR_IO,           /* the operating system said no          (InternalServerException 500) */
    ERROR_NO_MEMORY,    /* allocation failed                     (InternalServerException 500) */
    ERROR_INTERNAL,     /* a bug or a broken invariant           (InternalServerException 500) */
};

#define ERROR_MESSAGE_MAX 512

struct error {
    enum error_code code;
    unsigned retry_s; /* after which it is worth to try again, where that is known; 0: not known */
    char message[ERROR_MESSAGE_MAX]; /* UTF-8, NUL-terminated, cut at the limit */
};

/* Fills *error and returns code, so that callers write `return error_set(...)`. */
enum error_code error_set(struct error *error, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Like error_set, with ": " and the text of errno value `os_errno` appended. */
enum error_code error_set_errno(struct error *error, enum error_code code, int os_errno, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The out-of-memory error; formats nothing, so it can't fail itself. */
enum error_code error_no_memory(struct error *error);

/* Puts "prefix: " before the message already in *error; returns its code. */
enum error_code error_prefix(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
