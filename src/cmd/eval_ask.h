/* eval_ask.h - asks a model many requests over Converse, several at once, as any client would. One thread. */
#ifndef CMD_EVAL_ASK_H
#define CMD_EVAL_ASK_H

#include "core/buf.h"
#include "core/error.h"

#define EVAL_IN_FLIGHT 8

struct ask {
    const char *endpoint; /* http://HOST:PORT */
    const char *model;
    size_t count;
    bool wants_confidence;
    bool may_all_fail; /* others have been answered before */
    void *ctx;
    /* Body of request `index`; false: no memory. */
    bool (*append_body)(void *ctx, size_t index, struct buf *body);
    /* A reply; confidence below 0: the server said none. What it refuses has failed; ERROR_IO ends the run. */
    enum error_code (*take)(void *ctx, size_t index, struct str body, double confidence, struct error *error);
    void (*fail)(void *ctx, size_t index, const struct error *failure); /* no reply, or none that was taken */
    void (*progress)(void *ctx, size_t done, bool is_last); /* often; NULL is legal */
};

/* A server that can't be reached, and a model that fails every request, are errors; single requests that fail are not.
 * Throttled requests are tried again. AWS_BEARER_TOKEN_BEDROCK is sent where it is set. */
enum error_code ask_all(const struct ask *ask, struct error *error) WARN_UNUSED;

/* For `progress`: prints a line that renews itself on a terminal, one every ten seconds elsewhere. *printed_us: when
 * the last one was, at first when the asking began. */
void ask_print_progress(uint64_t *printed_us, bool is_last, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
