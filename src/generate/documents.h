/* documents.h - the texts of a request's documents, before it is generated.
 *
 * Parsing a body notes the bytes of pdf, docx, xlsx and html files in the request
 * (chat_document). documents_resolve asks the extractor for their text and puts
 * it where it belongs; the request goes on when all are there. Everything runs
 * on the port's thread. */
#ifndef GENERATE_DOCUMENTS_H
#define GENERATE_DOCUMENTS_H

#include "chat/chat.h"
#include "document/extractor.h"
#include "generate/backend.h"

/* A step of a request that waits, in the request's arena. */
struct document_wait;

/* Makes the hashes that documents are known by. Any thread; documents_resolve makes those that are missing. */
void documents_digest(struct chat_request *request);

/* Puts the text of every document in its place; readers are shared by tenant. OK with *wait NULL: done. OK
 * with *wait set: on_done comes once, on this thread; error is NULL when all
 * texts are there. Errors of a document begin with its path. */
enum error_code documents_resolve(struct extractor_port *port, struct str tenant, struct chat_request *request,
                                  void (*on_done)(void *ctx, const struct error *error), void *ctx,
                                  struct document_wait **wait, struct error *error) WARN_UNUSED;

/* Why a prompt did not fit, after the target refused it with `error`: when one
 * document alone has more tokens than its context, the error that says so, with
 * its path and both figures, else `error` again. Counting is the backend's.
 * NULL: nothing to find out, `error` stands as it is. */
struct document_wait *documents_blame(struct backend *backend, const struct target *target,
                                      struct chat_request *request, const struct error *error,
                                      void (*on_done)(void *ctx, const struct error *error), void *ctx);

void documents_cancel(struct document_wait *wait); /* no on_done after this; NULL is legal */

#endif
