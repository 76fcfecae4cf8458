/* questions.h - held-out rows: what models are asked, and what is known of the right answer.
 *
 * JSON lines, each in one of the forms that teams have:
 *
 *   {"schemaVersion": "bedrock-conversation-2024", "system": [{"text"}],
 *    "messages": [{"role", "content": [{"text"}]}]}
 *       the last turn is the reference where it is the assistant's
 *   {"messages": [{"role": "system" | "user" | "assistant", "content": TEXT or blocks}], "tools": [...]}
 *       the same with plain texts, as chat completions have them
 *   {"prompt": TEXT, "referenceResponse": TEXT, "category": TEXT, "system": TEXT}
 *       pairs; "question" and "input" are a prompt too, "reference", "completion", "response", "answer", "output",
 *       "label" and "expected" a reference; "modelResponses": [{"response", "modelIdentifier"}] are given answers
 *   {"messages", "expected", "task", "system": TEXT, "tools": [{"name", "description", "schema"}]}
 *       rows of `fulcrum eval MODEL`
 *
 * A reference that is no text is its JSON; {"name", "arguments"} of a row with tools is a call, null of one no call.
 * Lines that are none of these are left out and listed with the reason. Reads bytes alone; one thread. */
#ifndef EVAL_QUESTIONS_H
#define EVAL_QUESTIONS_H

#include "chat/codec.h"
#include "core/error.h"
#include "core/mem.h"

#define QUESTION_GIVEN_MAX 2
#define QUESTION_REASON_MAX 200

struct question {
    size_t line; /* in the file, from 1 */
    struct str id, category; /* empty: the row has none */
    struct str request;      /* of Converse, without inferenceConfig: members of an object, without its braces */
    struct str system, prompt; /* the same as text, for people and judges */
    bool has_reference;
    bool wants_no_call; /* the reference says only that no tool is called */
    struct chat_reply reference;
    struct str input;   /* the line as it came */
    struct question_given { /* by whom, and what */
        struct str model, text;
    } given[QUESTION_GIVEN_MAX];
    size_t given_count;
};

struct question_flaw {
    size_t line;
    char reason[QUESTION_REASON_MAX];
};

/* Strings live in the arena. */
struct questions {
    struct question *items;
    size_t count, cap;
    struct question_flaw *flaws; /* the first LIMIT_EVAL_FLAWS of them */
    size_t flaw_count, flaw_cap, flaws_all;
    struct arena arena;
};

/* Adds the rows of a text. ERROR_NO_MEMORY, or ERROR_TOO_LARGE: more than limit(eval_rows) of them. questions_deinit in
 * any case; zero is a valid beginning. */
enum error_code questions_parse(struct questions *questions, struct str text, struct error *error) WARN_UNUSED;
void questions_deinit(struct questions *questions);

/* Leaves out after all those that `is_left`. */
enum error_code questions_leave_out(struct questions *questions, bool (*is_left)(const struct question *question),
                                    const char *reason, struct error *error) WARN_UNUSED;
/* Appends the body of a Converse request: greedy, and with room for an answer several times as long as the reference
 * where there is one and `is_bounded`. */
bool question_append_request(const struct question *question, bool is_bounded, struct buf *body);

/* The row of `count` that is kept as number i of `most`: one of each of `most` equal stretches, at changing places,
 * lest the file's own rhythm show. */
static inline size_t thinned_row(size_t i, size_t most, size_t count)
{
    const size_t from = i * count / most, len = (i + 1) * count / most - from;
    return from + i * 7919 % len;
}

/* Keeps `most` rows spread evenly over all; 0: all. */
void questions_thin(struct questions *questions, size_t most);

#endif
