/* citations.h - what several dialects read citations with. Any thread. */
#ifndef API_CITATIONS_H
#define API_CITATIONS_H

#include "chat/chat.h"
#include "core/json.h"

/* One citation of a dialect's, as far as it can be understood; strings point into the document. */
typedef void (*citation_reader)(yyjson_val *object, struct chat_citation *citation);

/* An array of them, in the arena; anything but an array is none. False: no memory. */
bool citations_read(struct arena *arena, yyjson_val *array, citation_reader read,
                    const struct chat_citation **citations, size_t *count) WARN_UNUSED;

#endif
