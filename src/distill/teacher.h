/* teacher.h - soft labels: what a larger model holds for probable where a row's own answer names one token.
 *
 * The teacher is a GGUF file of the llama architecture, with an adapter's products added in where there is one, whose
 * tokenizer is the student's, or one of which the student's is a cut (cut.h). It reads every batch that the student
 * learns from, by a graph without gradients; its distributions become labels (soften.h), which the student's loss wants
 * besides the hard ones (graph.h). What it holds for probable that the student has no token for goes to the rest.
 * Nothing of it is kept between batches, so a resumed run has the same labels.
 *
 * A teacher may be used by several threads at a time, a reader by one. */
#ifndef DISTILL_TEACHER_H
#define DISTILL_TEACHER_H

#include "core/error.h"
#include "distill/graph.h"
#include "distill/pretrained.h"
#include "distill/tokenizer.h"
#include "distill/train_config.h"

struct teacher;

/* `base` is the file that the student begins with, whose tokenizer it has; NULL: its tokenizer is one of our own.
 * `settings` must outlive the teacher. ERROR_INVALID names the file and what differs. */
enum error_code teacher_open(const struct train_teacher *settings, const struct pretrained *base,
                             const struct tokenizer *tokenizer, struct teacher **teacher,
                             struct error *error) WARN_UNUSED;
void teacher_free(struct teacher *teacher);
struct soft_loss teacher_loss(const struct teacher *teacher);

/* A batch shape's graph on one thread's compute, and its scratch. */
struct teacher_reader;
enum error_code teacher_reader_new(const struct teacher *teacher, struct compute *compute, struct batch_shape shape,
                                   struct teacher_reader **reader, struct error *error) WARN_UNUSED;
void teacher_reader_free(struct teacher_reader *reader);

/* Fills `labels` (v, r), of the student's vocabulary, for the selected tokens of the batch. */
enum error_code teacher_read(struct teacher_reader *reader, const struct batch *batch, float *labels,
                             struct error *error) WARN_UNUSED;

#endif
