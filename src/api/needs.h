/* needs.h - what parsers of bodies note for the target instead of refusing it:
 * chat/traits.h decides once the target is known. `where` is the path of the
 * object, as in fields.h. Any thread. */
#ifndef API_NEEDS_H
#define API_NEEDS_H

#include "api/fields.h"
#include "chat/traits.h"

/* The request needs it; the sentence refuses it, behind the path where.key. Fails for want of memory only. */
enum error_code needs_note(struct chat_request *request, enum chat_need need, struct error *error, const char *where,
                           const char *key, const char *format, ...) PRINTF_LIKE(6, 7) WARN_UNUSED;

/* The same for a member of `object` that is there and not null, where the request can be served without it: it is
 * noted as ignored, and refused where nothing is. */
enum error_code needs_ignore(struct chat_request *request, enum chat_need need, yyjson_val *object, const char *where,
                             const char *key, const char *why, struct error *error) WARN_UNUSED;

/* Members that can't be left out of account: each that is there and neither null nor an empty array is needed. */
struct needs_member {
    const char *key;
    enum chat_need need;
    const char *why;
};
enum error_code needs_members(struct chat_request *request, yyjson_val *object, const char *where,
                              const struct needs_member *members, size_t count, struct error *error) WARN_UNUSED;

/* Keeps the members of `object` that are none of `carried` (NULL-terminated), which the neutral request has. `where`
 * is a literal. */
enum error_code needs_extras(struct chat_request *request, yyjson_val *object, const char *where,
                             const char *const *carried, struct error *error) WARN_UNUSED;

/* A conversation begins with the user, or with the assistant where the request may and the user says something too. */
enum error_code needs_first_turn(struct chat_request *request, struct error *error) WARN_UNUSED;

/* The path of a block that a target may refuse, for as long as the request lives. */
enum error_code needs_where(struct chat_request *request, struct chat_block *block, const char *where,
                            struct error *error) WARN_UNUSED;

#endif
