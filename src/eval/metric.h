/* metric.h - what an answer is worth beside a reference: a number from 0 to 1.
 *
 *   exact   1 where both say the same text and call the same tools: in the one form of words.h, without the marks that
 *           end a sentence at its end (. ! ? , ; : and their like of other scripts)
 *   json    1 where both are JSON, also inside a code fence, with equal values: members in any order, numbers by value,
 *           elements in their order. Where neither is JSON, as exact
 *   tool    1 where both call the same tools with equal input, in any order; neither calling one is the same too
 *   f1      of the words of both, each as often as both have it: 2 * common / (words of one + words of the other)
 *   rouge   ROUGE-L: the same of the longest sequence of words that both have in this order (F-measure, beta 1)
 *   judge   a judge model's word (judge.h)
 *   auto    of each row, by its reference: tool where that calls tools; json where it is a JSON object or array; exact
 *           where it has at most METRIC_SHORT_WORDS words; else rouge
 *
 * All are symmetric, and 1 where both are the same. Texts without words are compared as exact. f1 and rouge look at
 * LIMIT_EVAL_WORDS words. */
#ifndef EVAL_METRIC_H
#define EVAL_METRIC_H

#include "chat/codec.h"
#include "eval/words.h"

#define METRIC_SHORT_WORDS 8

enum metric {
    METRIC_AUTO,
    METRIC_EXACT,
    METRIC_JSON,
    METRIC_TOOL,
    METRIC_F1,
    METRIC_ROUGE,
    METRIC_JUDGE,
    METRICS,
};
extern const char *const metric_names[METRICS + 1]; /* "auto", ...; ends with NULL */
bool metric_find(struct str name, enum metric *metric);

/* The text of both is that of their text blocks, joined. *metric: none of AUTO and JUDGE. ERROR_NO_MEMORY alone, or
 * ERROR_TOO_LARGE. */
enum error_code metric_choose(struct words_reader *reader, const struct chat_reply *reference, enum metric *metric,
                              struct error *error) WARN_UNUSED;
enum error_code metric_score(struct words_reader *reader, enum metric metric, const struct chat_reply *reference,
                             const struct chat_reply *answer, double *score, struct error *error) WARN_UNUSED;

/* Of two texts alone. */
enum error_code metric_score_texts(struct words_reader *reader, enum metric metric, struct str reference,
                                   struct str answer, double *score, struct error *error) WARN_UNUSED;

#endif
