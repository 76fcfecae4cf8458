/* media_type.h - formats of files by the names that dialects give them: short
 * ones ("png", "docx") in Converse and in the neutral request, media types in
 * the others. Any thread. */
#ifndef API_MEDIA_TYPE_H
#define API_MEDIA_TYPE_H

#include "chat/chat.h"

/* "image/jpeg" -> "jpeg"; of types that nobody here knows the second half. Points into `media_type` or is static. */
struct str media_type_format(struct str media_type);

/* The other way; `kind` is the block's. At most 100 bytes and a NUL. */
#define MEDIA_TYPE_MAX 101
void media_type_of(enum chat_block_kind kind, struct str format, char text[MEDIA_TYPE_MAX]);

#endif
