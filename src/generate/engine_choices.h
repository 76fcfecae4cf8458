/* engine_choices.h - the replies of a request besides its first, where it wants several: each a call of its own with a
 * seed of its own, whose prompt is the first one's. They are collected and told at the end; nothing of them streams.
 * A port's thread. */
#ifndef GENERATE_ENGINE_CHOICES_H
#define GENERATE_ENGINE_CHOICES_H

#include "chat/codec.h"
#include "chat/template.h"
#include "engine/engine.h"

struct engine_choices;

struct engine_choices_setup {
    struct engine_port *port;
    size_t worker;
    enum template_family family;
    const struct chat_request *request;
    const struct engine_request *wanted; /* of the first; during the start alone */
    uint64_t max_reply_us;               /* 0: none */
    /* Each ends the waiting: all are there, or one of them could not be made; then nothing runs any more. */
    void (*on_done)(void *ctx);
    void (*on_failed)(void *ctx, const struct error *error);
    void *ctx;
};

/* request->choices - 1 of them. NULL: refused at once. */
struct engine_choices *engine_choices_start(const struct engine_choices_setup *setup, struct error *error);
void engine_choices_end(struct engine_choices *choices); /* what runs is cancelled; NULL is legal */

bool engine_choices_are_done(const struct engine_choices *choices);
uint64_t engine_choices_output(const struct engine_choices *choices); /* tokens, so far */
/* Of all, in the request's arena; once they are done. */
const struct chat_choice *engine_choices_list(const struct engine_choices *choices);

#endif
