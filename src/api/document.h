/* document.h - document blocks of requests: from what a body carries to text
 * in the prompt.
 *
 * Parsing stays a pure function of the body: txt, md and csv become UTF-8 at
 * once, the bytes of pdf, docx, xlsx and html are noted in the request
 * (chat_document). generate/documents.h gets their text before the prompt is
 * made. */
#ifndef API_DOCUMENT_H
#define API_DOCUMENT_H

#include "chat/chat.h"

/* A document as a dialect found it. */
struct document_input {
    const char *where;      /* path of the block */
    const char *format_key; /* which of its members says the format */
    struct str name, format;
    struct str context; /* goes before the text; may be empty */
    struct str bytes;   /* the file, decoded */
    bool is_plain;      /* bytes are text, whatever the format's usual form */
    enum chat_source source;
    struct str data; /* as it was sent, for who passes it on; with sources elsewhere all that there is */
};

/* Notes it in `request` and fills *block, whose text may still lack the
 * document's own. `block` must live as long as the request. What can't be read
 * here is noted as a need (needs.h). Errors are ERROR_INVALID and begin with
 * the path. */
enum error_code document_add(struct chat_request *request, const struct document_input *input,
                             struct chat_block *block, struct error *error) WARN_UNUSED;

#endif
