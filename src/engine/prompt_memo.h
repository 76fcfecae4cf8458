/* prompt_memo.h - the tokens of prompts that were asked about, for whoever comes with the same prompt next.
 *
 * A router asks for a prompt's warmth and then sends the prompt to be answered; finding its tokens costs more than the
 * whole question does, so it is done once. A question leaves its tokens here, and a question or request of the same
 * tenant and salt that begins with the same segments takes a copy: of all, or, as in a conversation that went on, of
 * the segments that are still the same. Segments are tokenised one by one, so the rest can be added as if nothing had
 * been.
 *
 * Never more than LIMIT_PROMPT_MEMO_ENTRIES prompts and LIMIT_PROMPT_MEMO_BYTES together: the one that was longest not
 * asked for goes first. Tenants are kept apart, though tokens are no secret: how fast an answer comes would tell one
 * what another asked. While nobody asks, the memo is empty and a request passes it by. Front thread. */
#ifndef ENGINE_PROMPT_MEMO_H
#define ENGINE_PROMPT_MEMO_H

#include "engine/scheduler.h"

struct prompt_memo_entry;

struct prompt_memo { /* zero is empty */
    struct prompt_memo_entry *oldest, *newest;
    uint32_t count;
    uint64_t bytes;
};

void prompt_memo_deinit(struct prompt_memo *memo);

/* What the memo knows of a job's prompt, in the job's arena. Zero: it was not asked. */
struct prompt_recall {
    size_t segments; /* whose tokens the job has from the memo */
    uint32_t *ends;  /* for each segment, the tokens up to its end; the memo sets the first `segments` */
    uint64_t *chain; /* for each, a hash over the segments up to its end */
};

/* The job has its request and no tokens: it gets those of its first segments that the memo has. Without memory: none.
 */
void prompt_memo_recall(struct prompt_memo *memo, struct job *job, struct prompt_recall *recall);

/* The job was asked about and has all its tokens and ends: takes its arena and tokens, which are empty then. A prompt
 * that is too large, or in the memo already, is freed. */
void prompt_memo_put(struct prompt_memo *memo, struct job *job, const struct prompt_recall *recall);

#endif
