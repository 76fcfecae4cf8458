/* condition.h - what is wrong with the server as a whole: a disk that is full, a wall of a sandbox that does not
 * stand. Whoever notices sets a condition by its name, and clears it when it is over; /readyz shows all of them,
 * /metrics their levels, and the log each change once.
 *
 * Names are constants of the program ("disk", "sandbox"), at most CONDITIONS_MAX of them. Any thread. */
#ifndef CORE_CONDITION_H
#define CORE_CONDITION_H

#include <stdbool.h>

#include "core/buf.h"

#define CONDITIONS_MAX 32
#define CONDITION_TEXT_MAX 240

enum condition_level {
    CONDITION_CLEAR, /* nothing is wrong; a text, if there is one, says what was looked at and found well */
    CONDITION_NOTE,  /* somebody should know; requests are served: /readyz stays 200 */
    CONDITION_DOWN,  /* requests are refused: /readyz is 503 */
};

/* `name` is kept, not copied: a constant. The text says what is wrong and what to do; longer ones are cut. */
void condition_set(const char *name, enum condition_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void condition_clear(const char *name);
enum condition_level condition_level(const char *name);

bool condition_any_down(void);
void condition_append_text(struct buf *out);    /* a line each, "NAME: TEXT", the worst first */
/* Those that have a text, the worst first; strings are valid inside, where conditions must not be set. */
void condition_each(void (*each)(void *ctx, const char *name, enum condition_level level, const char *text), void *ctx);
void condition_append_metrics(struct buf *out); /* fulcrum_condition{name="NAME"} 0, 1 or 2, of all ever set */

#endif
