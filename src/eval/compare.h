/* compare.h - one model's answers to held-out rows, or two models' side by side: scores, how sure they are, latency,
 * cost, and the verdict on putting the first in the second one's place. Asks nobody. One thread. */
#ifndef EVAL_COMPARE_H
#define EVAL_COMPARE_H

#include "eval/answer.h"
#include "eval/judge.h"
#include "eval/metric.h"
#include "eval/questions.h"
#include "eval/verdict.h"
#include "ledger/price.h"

struct side {
    const char *model;
    struct answer *answers; /* of each row; whoever compares owns them */
    double *scores;         /* 0 to 1; NAN: nobody knows. mem_free'd by comparison_deinit */
    struct estimate quality;
    double cost_per_1000;   /* dollars; NAN: its price is not known */
    size_t asked, failed;   /* failed rows count as 0 */
    double latency_mean_ms; /* of those that answered... */
    uint64_t latency_p50_ms, latency_p90_ms;
    double input_tokens, output_tokens; /* ...the mean of a request */
};

struct judged {
    enum judge_word straight, swapped;
};

struct comparison {
    const struct questions *questions;
    enum metric metric; /* as asked for */
    const char *measure; /* what the scores are, where they are no metric's own; NULL: `metric` */
    double bound;       /* the greatest loss that is borne: 0.02 */
    const char *judge;  /* its model; NULL: none */
    const struct judged *judged; /* of each row that compare_needs_judge; NULL: nobody was asked */
    struct side sides[2];
    size_t side_count;
    enum metric *metrics; /* of each row */
    struct estimate gain;
    enum verdict verdict; /* with two sides */
    size_t judged_count, agreed_count, unjudged_count; /* rows that were the judge's: with a word, with the same one
                                                          both times, without a word */
};

/* The metric of a row where `wanted` was asked for; METRIC_JUDGE: there is nothing to compare with. */
enum error_code question_metric(const struct question *question, enum metric wanted, struct words_reader *reader,
                                enum metric *metric, struct error *error) WARN_UNUSED;

/* With questions, metric, judge, side_count, and of each side model and answers set. comparison_deinit in any case. */
enum error_code comparison_choose(struct comparison *comparison, struct words_reader *reader,
                                  struct error *error) WARN_UNUSED; /* metrics */
/* Whether the judge is to be asked of this row: it is its metric, and both answers are there and differ. */
bool comparison_needs_judge(const struct comparison *comparison, size_t row);
enum error_code comparison_score(struct comparison *comparison, struct words_reader *reader,
                                 struct error *error) WARN_UNUSED;
/* The second half of that, of scores that somebody else has set: how sure they are, latency, the verdict. */
enum error_code comparison_estimate(struct comparison *comparison, struct error *error) WARN_UNUSED;
/* What a request to the side costs in the mean, by what its answers used; `row` NULL: its price is not known. */
void comparison_price(struct comparison *comparison, size_t side, const struct price_row *row);
void comparison_deinit(struct comparison *comparison);

/* The rows of one metric or of one category: both sides' estimates and the gain. Metric METRIC_AUTO: any; category
 * data NULL: any. */
struct part {
    size_t rows;
    struct estimate quality[2], gain;
};
enum error_code comparison_part(const struct comparison *comparison, enum metric metric, struct str category,
                                struct part *part, struct error *error) WARN_UNUSED;

const char *comparison_measure(const struct comparison *comparison);

#define COMPARISON_CATEGORIES_MAX 64 /* those of later rows are in no part */

/* Each calls `show` with the parts that have rows: one for each metric; one for each category, in the order of their
 * first row; the part of all rows and then both. */
typedef void part_show(struct buf *out, const struct comparison *comparison, struct str name, const struct part *part);
enum error_code comparison_each_metric(struct buf *out, const struct comparison *comparison, part_show *show,
                                       struct error *error) WARN_UNUSED;
enum error_code comparison_each_category(struct buf *out, const struct comparison *comparison, part_show *show,
                                         struct error *error) WARN_UNUSED;
enum error_code comparison_each_part(struct buf *out, const struct comparison *comparison, part_show *show,
                                     struct error *error) WARN_UNUSED;

/* Rows that differ, those first that the first side lost by most; gives how many there are in all. */
enum error_code comparison_differing(const struct comparison *comparison, size_t **rows, size_t *count,
                                     struct error *error) WARN_UNUSED;

#endif
