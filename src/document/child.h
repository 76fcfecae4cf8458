/* child.h - one process that reads one document.
 *
 * The file comes on its standard input, the text leaves on its standard
 * output. It is this program again, `fulcrum extract FORMAT ...`: it enters the
 * sandbox and then reads a docx or xlsx file itself, or becomes pdftotext for a
 * PDF. Standard error carries a clause about the file when it is refused.
 *
 * Owned by the thread of its loop. */
#ifndef DOCUMENT_CHILD_H
#define DOCUMENT_CHILD_H

#include <uv.h>

#include "core/buf.h"
#include "core/error.h"
#include "document/format.h"

struct child;

struct child_options {
    uv_loop_t *loop;
    enum document_format format;
    int input_fd;          /* the whole file, at offset 0; borrowed until child_start returns */
    const char *pdftotext; /* absolute path, for DOCUMENT_PDF */
    bool is_required;      /* refuses to read unless every wall of the sandbox stands */
    /* Reads nothing: tries the sandbox, of pdftotext when that is set, else of our own readers. The text is what is
     * missing; empty when all walls stand. */
    bool is_probe;
    /* Once, when the process and all it started are gone. `text` may be taken
     * over (*text zeroed). is_lasting: the same file will always end like this. */
    void (*on_done)(void *ctx, const struct error *error, bool is_lasting, struct buf *text);
    void *ctx;
};

/* NULL when memory is out; every other failure comes through on_done, later. */
struct child *child_start(const struct child_options *options);

/* Ends it now; on_done comes with ERROR_CANCELLED. */
void child_kill(struct child *child);

/* What `fulcrum extract` does: argv is {"extract", FORMAT, PROGRAM, required|best-effort,
 * LIMIT=VALUE...}; FORMAT "probe" is a probe. Returns the exit status. */
int child_main(int argc, char **argv);

#endif
