/* values.h - fresh values: what an answer copies out of its prompt is replaced in both, so that copying is learnt and
 * not the few values that a small data set has.
 *
 * A value is a run of digits and capital letters with two digits at least ("4278", "QP146"; of "$95.78" both numbers),
 * with nothing of a word beside it. Its copy has other digits and letters at the same places; a digit in front that is
 * no 0 stays none. A request is left as it is where its answer has a value that the prompt has not (who knows what that
 * was computed from), or none, or too many.
 *
 * Names, words and classes stay: what stands in many answers alike is learnt as before. Pure; any thread. */
#ifndef DISTILL_VALUES_H
#define DISTILL_VALUES_H

#include "chat/chat.h"
#include "core/util.h"

#define VALUES_MAX 32       /* of an answer */
#define VALUE_BYTES_MAX 64  /* longer ones are none */
#define VALUES_FRESH_OF_4 3 /* draws of a row have fresh values: the others are as they were */

/* The last message is the answer. Texts that change are made anew in the request's arena. False: out of memory. */
bool values_refresh(struct chat_request *request, struct rng *rng);

#endif
