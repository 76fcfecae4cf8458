/* waiting.h - signs of life of a stream whose first token is still to come: after limit(stream_wait_ms), and then each
 * time again, a function is called until the waiting ends. One loop's thread. */
#ifndef API_WAITING_H
#define API_WAITING_H

#include <uv.h>

struct waiting;

/* NULL: no memory; then nobody is told anything. */
struct waiting *waiting_begin(uv_loop_t *loop, void (*on_wait)(void *ctx), void *ctx);
void waiting_end(struct waiting *waiting); /* NULL is legal; from on_wait too */

#endif
