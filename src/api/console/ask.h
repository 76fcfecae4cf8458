/* ask.h - one question to the console's API. What answers it may wait (SQLite, files), so it runs on a thread of
 * libuv's pool; who asks and what for is read before, on the exchange's I/O thread.
 *
 *     struct usage_ask { struct console_ask base; struct console_period period; };   in the exchange's arena
 *
 *     void console_usage(struct api_call *call)
 *     {
 *         static const char *const names[] = {"from", "to", NULL};
 *         struct usage_ask *ask = console_ask_new(call, sizeof(*ask), names, "groups");
 *         if (!ask)
 *             return;
 *         if (ask->base.code == OK)
 *             ask->base.code = console_query_period(call, DAY_US, &ask->period, &ask->base.error);
 *         console_ask_send(&ask->base, answer_usage);
 *     }
 *
 * `answer` writes ask->reply, sees what ask->asker may see, and returns an error by ask->error. While it runs the
 * exchange's arena is its own. A question that is answered from memory uses the same with console_ask_now. */
#ifndef API_CONSOLE_ASK_H
#define API_CONSOLE_ASK_H

#include "api/console/asker.h"
#include "api/console/query.h"
#include "api/console/reply.h"
#include "api/offload.h"

struct console_ask {
    struct api_call *call;
    const struct api *api;
    struct arena *arena; /* the exchange's */
    struct console_asker asker;
    const char *list; /* the array of the answer that is its CSV; NULL: it has none */
    bool is_csv;
    int status; /* 200, unless `answer` says something else */
    struct console_reply reply;
    enum error_code code; /* anything but OK, before it is sent off: the question is wrong, as `error` says */
    struct error error;
    enum error_code (*answer)(struct console_ask *ask);
    struct offload offload;
};

/* `size` bytes that begin with a struct console_ask, zeroed else. `names`: of the parameters (console_query_known).
 * NULL: memory is out, and the call has been answered. */
void *console_ask_new(struct api_call *call, size_t size, const char *const *names, const char *list);

/* Answers, sooner or later; the call is gone then. */
void console_ask_send(struct console_ask *ask, enum error_code (*answer)(struct console_ask *ask));
void console_ask_now(struct console_ask *ask, enum error_code (*answer)(struct console_ask *ask));

#endif
