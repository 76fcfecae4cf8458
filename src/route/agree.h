/* agree.h - whether a model's answer is as good as the strongest one's, found out by comparing both.
 *
 *   tool   the strongest calls tools: the same calls are the same answer, in any order, with equal input
 *   json   both are JSON, also inside a code fence: equal values, members in any order, numbers by value
 *   text   the same words, white space aside
 *
 * What can't be judged so is not judged: an answer of the strongest that was cut off, and free text that is long, which
 * has many right wordings. Pure functions, any thread. */
#ifndef ROUTE_AGREE_H
#define ROUTE_AGREE_H

#include "chat/codec.h"

#define AGREE_TEXT_MAX 500 /* bytes of an answer of the strongest that is compared as text */

enum agreement {
    AGREE_UNKNOWN, /* comparing can't tell */
    AGREE_NO,
    AGREE_YES,
};

/* *by: "tool", "json" or "text", the rule that was used. ERROR_NO_MEMORY alone. */
enum error_code replies_agree(const struct chat_reply *strongest, const struct chat_reply *other,
                              enum agreement *agreement, const char **by, struct error *error) WARN_UNUSED;

/* What a reply says, for people and judges: its text, then its calls as JSON, a line each. */
bool reply_append_said(struct buf *out, const struct chat_reply *reply);
bool reply_append_texts(struct buf *out, const struct chat_reply *reply); /* its text alone */

/* The rules by themselves. Whether both call the same tools with equal input, in any order. ERROR_NO_MEMORY alone. */
enum error_code replies_same_calls(const struct chat_reply *reply, const struct chat_reply *other, bool *is_same,
                                   struct error *error) WARN_UNUSED;
/* Whether both are the same JSON. AGREE_UNKNOWN: neither is JSON. */
enum agreement texts_same_json(struct str a, struct str b);
bool text_is_json_container(struct str text); /* an object or an array, also inside a code fence */

#endif
