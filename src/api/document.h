/* document.h - document blocks of requests: from what a body carries to text
 * in the prompt.
 *
 * Parsing stays a pure function of the body: txt, md, csv and html become text
 * at once, the bytes of pdf, docx and xlsx are noted in the request
 * (chat_document). documents_resolve then asks the extractor for their text
 * and puts it where it belongs; the request goes on when all are there. */
#ifndef API_DOCUMENT_H
#define API_DOCUMENT_H

#include "chat/chat.h"
#include "document/extractor.h"
#include "engine/engine.h"

/* A document as a dialect found it. */
struct document_input {
    const char *where;      /* path of the block */
    const char *format_key; /* which of its members says the format */
    struct str name, format;
    struct str context; /* goes before the text; may be empty */
    struct str bytes;   /* the file, decoded */
    bool is_plain;      /* bytes are text, whatever the format's usual form */
};

/* Notes it in `request` and fills *block, whose text may still lack the
 * document's own. `block` must live as long as the request, or its text be
 * moved (documents_move). Errors are ERROR_INVALID and begin with the path. */
enum error_code document_add(struct chat_request *request, const struct document_input *input,
                             struct chat_block *block, struct error *error) WARN_UNUSED;

/* The text of every document added after `last` (NULL: of all) has become a
 * part of *target, `offset` bytes behind its beginning. */
void documents_move(struct chat_request *request, struct chat_document *last, struct str *target, size_t offset);

/* A step of a request that waits, in the request's arena. */
struct document_wait;

/* Puts the text of every document in its place. OK with *wait NULL: done. OK
 * with *wait set: on_done comes once, on this thread; error is NULL when all
 * texts are there. Errors of a document begin with its path. */
enum error_code documents_resolve(struct extractor_port *port, struct chat_request *request,
                                  void (*on_done)(void *ctx, const struct error *error), void *ctx,
                                  struct document_wait **wait, struct error *error) WARN_UNUSED;

/* Why a prompt did not fit, after the engine refused it with `error`: when one
 * document alone has more tokens than the model's context, the error that says
 * so, with its path and both figures, else `error` again. Counting is the
 * engine's. NULL: nothing to find out, `error` stands as it is. */
struct document_wait *documents_blame(struct engine_port *port, size_t model, uint32_t context,
                                      struct chat_request *request, const struct error *error,
                                      void (*on_done)(void *ctx, const struct error *error), void *ctx);

void documents_cancel(struct document_wait *wait); /* no on_done after this; NULL is legal */

#endif
