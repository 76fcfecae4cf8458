/* extractor.h - the text of PDF, docx and xlsx files for I/O threads, which
 * never wait for it.
 *
 * One extractor per process: a thread with a loop of its own starts the
 * processes that read documents (child.h) in the order of reader_queue.h, and
 * keeps what they found by the SHA-256 of the file, in at most
 * limit(document_cache_bytes). Requests for a file that is being read already
 * wait for the same process. When the last that waits gives up, the process is
 * killed. Refusals that lie in the file are kept as texts are; time-outs are not.
 *
 * One port per I/O thread: results come back on its loop. Everything with a
 * port runs on its thread. */
#ifndef DOCUMENT_EXTRACTOR_H
#define DOCUMENT_EXTRACTOR_H

#include <uv.h>

#include "core/error.h"
#include "core/mem.h"
#include "document/format.h"

struct extractor;
struct extractor_port;
struct extraction;

/* Tries the sandbox and starts the thread. A wall of the sandbox that does not stand is the condition
 * "documents.sandbox", or with is_required an error, and then no document is ever read without all walls. Says in the
 * log when pdftotext is not there. */
enum error_code extractor_new(bool is_required, struct extractor **extractor, struct error *error) WARN_UNUSED;
/* After all ports are closed. Kills what still runs. NULL is legal. */
void extractor_free(struct extractor *extractor);

struct extractor_counters { /* since the start; any thread */
    uint64_t extractions; /* processes started */
    uint64_t failures;    /* of them, without a text */
    uint64_t cache_hits;  /* documents whose text was there already */
    uint64_t shared;      /* documents that waited for another request's process */
    uint64_t cache_bytes, cache_documents, waiting; /* now */
};
void extractor_counters(struct extractor *extractor, struct extractor_counters *counters);

struct extractor_port *extractor_port_new(struct extractor *extractor, uv_loop_t *loop, struct error *error);
/* No request may wait any more. The port frees itself once its handle is closed. */
void extractor_port_close(struct extractor_port *port);

/* Asks for the text of `bytes`, on account of `tenant` (reader_queue.h).
 *
 * Known already: OK with *extraction NULL and *text in the arena, or the error.
 * Else OK with *extraction set, and on_done comes once from the port's loop;
 * `text` is valid while it runs, error->code says whether there is one.
 * `bytes` are needed only during the call; `hash` is their SHA-256, or NULL.
 *
 * Errors are a clause about the file: ERROR_INVALID when the file is at fault
 * or pdftotext is not installed, ERROR_THROTTLED when too many documents wait,
 * ERROR_UNAVAILABLE when the reader was killed or can't be started now, ERROR_NO_MEMORY, ERROR_INTERNAL. */
enum error_code extractor_submit(struct extractor_port *port, struct str tenant, enum document_format format,
                                 struct str bytes, const uint8_t *hash,
                                 void (*on_done)(void *ctx, const struct error *error, struct str text), void *ctx,
                                 struct arena *arena, struct str *text, struct extraction **extraction,
                                 struct error *error) WARN_UNUSED;

/* No on_done after this. */
void extraction_cancel(struct extraction *extraction);

#endif
