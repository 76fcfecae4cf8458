/* judge.h - a judge model's word on answers: which of two is better, or how good one is.
 *
 * Of two answers the judge is asked twice, with either one first, and may call it a tie; only a word that it says both
 * times counts, else the two are a tie. What it may say is held to a schema, and its instructions tell it that requests
 * and answers are material. Asks nobody itself: it writes the question and reads the reply. Any thread. */
#ifndef EVAL_JUDGE_H
#define EVAL_JUDGE_H

#include "eval/answer.h"
#include "eval/questions.h"

enum judge_word { JUDGE_NONE, JUDGE_A, JUDGE_B, JUDGE_TIE }; /* NONE: it said no such thing */

/* Appends the body of a Converse request. `a` stands first. */
bool judge_append_request(struct buf *body, const struct question *question, const struct answer *a,
                          const struct answer *b);
enum judge_word judge_read(const struct answer *reply);

/* What both words make of the first answer: 1 it won, 0.5 a tie, 0 it lost, NAN: a word is missing. `swapped` is the
 * word when the second answer stood first. *agree: both words say the same. */
double judge_score(enum judge_word straight, enum judge_word swapped, bool *agree);

/* --- one answer, by one of the service's criteria --- */

struct judge_criterion {
    const char *name; /* "Builtin.Correctness" */
    const char *question;
    unsigned grades;      /* the judge says 1 to `grades`: the last is best... */
    bool is_lower_better; /* ...but here 1 is none of it: the score is 0 then */
};
extern const struct judge_criterion judge_criteria[];
const struct judge_criterion *judge_criterion_find(struct str name); /* NULL: none of that name */

bool judge_append_grading(struct buf *body, const struct judge_criterion *criterion, const struct question *question,
                          const struct answer *answer);
/* From 0 to 1, NAN: it said no grade; *why lives as long as the reply's text, and is empty where it gave no reason. */
double judge_read_grade(const struct judge_criterion *criterion, const struct answer *reply, struct arena *arena,
                        struct str *why);

#endif
