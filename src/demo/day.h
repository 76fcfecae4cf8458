/* day.h - one day of a support desk: a shop, what its customers ask, and what is written about each conversation at
 * night, with what is right.
 *
 * The load is that of a published how-to: conversations of five turns on a system prompt of some 2,000 tokens (rules
 * and examples, then the shop's facts), 65 of 100 questions simple. At night each conversation's case is summarised
 * and the customer's satisfaction tagged. The same seed makes the same day. No I/O; one thread. */
#ifndef DEMO_DAY_H
#define DEMO_DAY_H

#include "core/error.h"
#include "core/mem.h"

#define DEMO_TURNS 5
#define DEMO_NOTES 2 /* of a conversation at night: the summary, the tag */
#define DEMO_PROMPT_TOKENS 2000

struct demo_question {
    struct str text, gold;
    bool is_complex;
};

struct demo_note {
    const char *task; /* "summary", "tag" */
    struct str system, text, gold;
};

struct demo_conversation {
    struct demo_question turns[DEMO_TURNS];
    struct demo_note notes[DEMO_NOTES];
};

struct demo_day {
    struct str shop, system;
    struct demo_conversation *conversations;
    size_t count;
    struct arena arena;
};

/* `phrases` is the text of models/demo.json. ERROR_NO_MEMORY; ERROR_INTERNAL: it is no such file. demo_day_deinit in
 * any case. */
enum error_code demo_day_make(struct str phrases, uint64_t seed, size_t conversations, size_t prompt_tokens,
                              struct demo_day *day, struct error *error) WARN_UNUSED;
void demo_day_deinit(struct demo_day *day);

#endif
