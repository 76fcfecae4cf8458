/* text.h - from pieces of tokens to text that may be shown.
 *
 * Tokens end in the middle of characters, and a stop sequence may begin in one
 * token and end in another. The filter holds back what could still become part
 * of a character or of a stop sequence, and nothing more; invalid bytes become
 * U+FFFD, so what comes out is always whole UTF-8. Where not everything is the
 * reply's text (calls of tools, JSON that a grammar enforces), stop sequences
 * are looked for in the text alone. One thread at a time. */
#ifndef ENGINE_TEXT_H
#define ENGINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"

struct text_filter {
    const struct str *stops; /* borrowed */
    size_t stop_count, stop_longest;
    struct buf held;
    size_t settled;   /* of held: no stop sequence begins there */
    size_t undecided; /* at its end: not known yet to be text */
    bool is_stopped;
    uint32_t stop_index; /* valid once stopped */
};

void text_filter_init(struct text_filter *filter, const struct str *stops, size_t stop_count);
void text_filter_deinit(struct text_filter *filter);

/* Adds a piece of text. False on no memory. Once a stop sequence is complete the
 * filter is stopped: it and what follows never come out. */
bool text_filter_push(struct text_filter *filter, struct str piece);

/* The same in two steps: bytes are added, and decided later, the oldest first. */
bool text_filter_add(struct text_filter *filter, struct str piece);
void text_filter_decide(struct text_filter *filter, size_t len, bool is_text);

/* Bytes of `held` that may be shown; with is_last, and once stopped, all of them. */
size_t text_filter_ready(const struct text_filter *filter, bool is_last);

/* A place in `held` and in what is shown of it, which differ behind broken characters: before the character that it is
 * in. It goes forward only. */
struct text_cursor {
    size_t held, shown;
};
void text_filter_follow(const struct text_filter *filter, struct text_cursor *cursor, size_t held);

/* Appends what may be shown to out; with is_last everything that is left. */
bool text_filter_take(struct text_filter *filter, bool is_last, struct buf *out);

#endif
