/* json_text.h - JSON as chat templates print it.
 *
 * Models were trained on Python's json.dumps(ensure_ascii=False): ", " and
 * ": " between things, or one thing a line with an indent. Any thread. */
#ifndef CHAT_JSON_TEXT_H
#define CHAT_JSON_TEXT_H

#include "core/buf.h"

/* Appends JSON text again with Python's spacing; indent 0 keeps one line.
 * White space outside strings is dropped; text that is no JSON is copied
 * piece by piece, never refused. */
bool json_text_respace(struct buf *out, struct str json, unsigned indent);

#endif
