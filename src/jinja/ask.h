/* ask.h - a process for one template: `fulcrum template`, this program again inside of the sandbox that readers of
 * documents have (document/sandbox.h), with JINJA_SECONDS of CPU time. What a template does there, only its own
 * question is left without an answer. */
#ifndef JINJA_ASK_H
#define JINJA_ASK_H

#include "core/buf.h"
#include "core/error.h"

#define JINJA_SECONDS 5u        /* of CPU time for all renderings of a question */
#define JINJA_WAIT_MS 60000u    /* for the process, on a machine that has no time for it */
#define JINJA_ANSWER_MAX ((size_t)16 << 20)

/* Appends the answer to a question as in jinja/render.h; waits for it. ERROR_INVALID: the template took too long, too
 * much memory, or broke the process; ERROR_UNAVAILABLE: there was none. Any thread that may wait. */
enum error_code jinja_ask(struct str question, struct buf *answer, struct error *error) WARN_UNUSED;

/* What `fulcrum template` does: the question on standard input, the answer on standard output. Returns the exit
 * status. */
int jinja_serve(void);

#endif
