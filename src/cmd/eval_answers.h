/* eval_answers.h - replies that an evaluation got already, so that it is never paid for twice: a file of JSON lines,
 *
 *   {"key": 32 hex digits, "model": NAME, "reply": {...}}
 *
 * key is of the SHA-256 of model and request. A line is one write(2) at the end; what a crash left without a line feed
 * is cut off when the file is opened. One thread. */
#ifndef CMD_EVAL_ANSWERS_H
#define CMD_EVAL_ANSWERS_H

#include "core/buf.h"
#include "core/error.h"

#define ANSWER_KEY_LEN 32

struct eval_answers;

/* `path` NULL: nothing is kept beyond the run. Lines that are no such lines are passed over. ERROR_IO. */
enum error_code eval_answers_open(const char *path, struct eval_answers **answers, struct error *error) WARN_UNUSED;
void eval_answers_close(struct eval_answers *answers); /* NULL is legal */

void eval_answers_key(const char *model, struct str request, char key[ANSWER_KEY_LEN + 1]);
/* The reply as it came; data NULL: nobody asked. Valid until the answers are closed. Of those that were there when it
 * was opened. */
struct str eval_answers_find(const struct eval_answers *answers, const char *key);
/* ERROR_IO: it could not be kept. */
enum error_code eval_answers_add(struct eval_answers *answers, const char *key, const char *model, struct str reply,
                                 struct error *error) WARN_UNUSED;

#endif
