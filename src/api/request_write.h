/* request_write.h - what dialects write requests to upstreams with. A request
 * of the dialect's own passes on its raw nodes; one of another dialect is said
 * in other words, and what those have no word for is refused by its path where
 * leaving it out would change the meaning. Any thread. */
#ifndef API_REQUEST_WRITE_H
#define API_REQUEST_WRITE_H

#include "api/fields.h"
#include "chat/codec.h"

struct request_writer {
    const struct chat_request *request;
    const struct codec_form *form;
    struct buf *out;
    struct error *error;
    const char *dialect; /* as messages call it */
    bool is_own;         /* the request came in this dialect */
    uint32_t owed_ttl_seconds; /* chat completions: of a mark whose place takes none; the next part gets it. 0: none */
    size_t marks;        /* likewise: written */
};

void request_item(struct buf *out);                     /* a comma, unless the object or array has just begun */
void request_key(struct buf *out, const char *key);     /* the same, and "key": */
void request_text(struct buf *out, const char *key, struct str text);
void request_number(struct buf *out, const char *key, double value);

/* "where: what, which an upstream that speaks DIALECT can't be told" */
enum error_code request_refuse(const struct request_writer *writer, const char *where, const char *what) WARN_UNUSED;

/* Members of the request's own dialect that no lever reads, of the object at `where`, but for those named in `skipped`
 * (NULL-terminated, may be NULL). */
void request_extras(const struct request_writer *writer, const char *where, const char *const *skipped);
yyjson_val *request_extra(const struct chat_request *request, const char *name); /* of the root; NULL: none */

/* Of another dialect: refuses what can't be left out and is none of `said`. Of the own: what was lost. */
enum error_code request_check(const struct request_writer *writer, const char *const *said) WARN_UNUSED;

/* How much the model shall think, as each dialect says it; empty: not asked. */
struct str request_effort(const struct chat_request *request);

/* The text that a document reads as where a dialect takes text alone, as templates write it. */
void request_document_text(struct buf *out, const struct chat_block *block);

/* "messages": each with its role and, by the dialect's own function, its blocks under "content". */
typedef enum error_code request_blocks(struct request_writer *writer, const char *key, const struct chat_block *blocks,
                                       size_t count);
enum error_code request_messages(struct request_writer *writer, request_blocks *append_blocks) WARN_UNUSED;

enum error_code request_done(const struct request_writer *writer) WARN_UNUSED; /* no memory, or OK */

#endif
