/* answer.h - what a model said to a question, or why it said nothing. One thread. */
#ifndef EVAL_ANSWER_H
#define EVAL_ANSWER_H

#include "chat/codec.h"
#include "core/error.h"
#include "core/mem.h"

struct answer {
    bool is_there;
    struct chat_reply reply; /* texts and calls alone; usage, stop and latency_ms as the server said them */
    struct str problem;      /* why it is not there; empty: it was not asked yet */
};

/* From the body of a reply in Converse's form; strings go into the arena. What is no reply is an answer that is not
 * there. ERROR_NO_MEMORY alone. */
enum error_code answer_read(struct str body, struct arena *arena, struct answer *answer,
                            struct error *error) WARN_UNUSED;
/* From a text that somebody else got. */
enum error_code answer_of_text(struct str text, struct arena *arena, struct answer *answer,
                               struct error *error) WARN_UNUSED;
enum error_code answer_refuse(struct str problem, struct arena *arena, struct answer *answer,
                              struct error *error) WARN_UNUSED;

bool answers_are_same(const struct answer *a, const struct answer *b); /* byte for byte */

#endif
