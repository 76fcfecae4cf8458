/* render.h - chat templates of model files, rendered by llama.cpp's Jinja engine.
 *
 * A template is a program that a stranger wrote: it may loop, throw, or ask for all memory there is. So nothing but the
 * process that is there for it calls this (jinja/ask.h), and nothing on a request's way does. Question and answer are
 * JSON text:
 *
 *   {"template": T, "now": SECONDS, "renderings": [{"messages": [...], "tools": [...], ...}, ...]}
 *   {"capabilities": {NAME: bool, ...}, "renderings": [{"text": R} | {"error": E}, ...]} | {"error": E}
 *
 * A rendering's members are the template's variables. `now` is what strftime_now() says, so that it is the same
 * whenever it is asked. */
#ifndef JINJA_RENDER_H
#define JINJA_RENDER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No exception leaves it; `put` is called once, with the whole answer. */
void jinja_render(const char *question, size_t len, void (*put)(void *ctx, const char *answer, size_t len), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
