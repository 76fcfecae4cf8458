/* sandbox.h - what a process that reads hostile files gives up before it reads
 * the first byte. Linux.
 *
 * Resource limits: limit(document_memory_bytes) of address space,
 * limit(document_timeout_ms) of CPU time, no byte written to any file, no core
 * dump, few open files. Then: no file descriptor but 0, 1 and 2; root becomes
 * nobody; the process dies with its parent; no new privileges. Then two walls:
 *
 *   files         no file but what a program needs to start (Landlock, Linux 5.13;
 *                 everything that the kernel's version of it can refuse)
 *   system calls  only those on a list, all others fail (seccomp): for our own
 *                 readers memory, their three descriptors and the end; for another
 *                 program also what loads it, and opening files to read
 *
 * A wall that does not stand is said, never passed over: in sandbox_walls, and
 * as an error where all are required.
 *
 * For a process with one thread, which is as good as over: there is no way back. */
#ifndef DOCUMENT_SANDBOX_H
#define DOCUMENT_SANDBOX_H

#include "core/buf.h"
#include "core/error.h"

struct sandbox_walls {
    int landlock_abi;     /* version of Landlock that holds; 0: none */
    bool has_call_filter; /* seccomp */
    bool is_unprivileged; /* not root, any more or from the start */
};

/* `program`: absolute path of what the process will execute next, or NULL: it
 * executes nothing and opens nothing. The resource limits always hold after OK;
 * *walls says what else does. */
enum error_code sandbox_enter(const char *program, struct sandbox_walls *walls, struct error *error) WARN_UNUSED;

/* What is missing, a clause for each wall joined by "; ", and what it means. Nothing when all stand. */
void sandbox_append_missing(const struct sandbox_walls *walls, struct buf *out);

/* Inside the sandbox: tries what must be refused (open, truncate and chmod of files, connect, ptrace, fork, a signal
 * to the parent), harmlessly, and appends the names of what was not, as sandbox_append_missing does. */
void sandbox_append_escapes(struct buf *out);

/* The walls one by one, for sandbox_enter and tests. */
int sandbox_close_files(const char *program); /* the Landlock version that holds, 0: none */
bool sandbox_close_calls(bool executes);

#endif
