/* sandbox.h - what a process that reads hostile files gives up before it reads
 * the first byte. Linux; what a kernel does not have is left out silently, the
 * resource limits always hold.
 *
 * Resource limits: limit(document_memory_bytes) of address space,
 * limit(document_timeout_ms) of CPU time, no byte written to any file, no core
 * dump, few open files. Then: no file descriptor but 0, 1 and 2; root becomes
 * nobody; the process dies with its parent; no new privileges; no file but
 * what a program needs to start (Landlock, Linux 5.13); no sockets, no
 * processes, no signals to others, no administration (seccomp).
 *
 * For a process with one thread, which is as good as over: there is no way back. */
#ifndef DOCUMENT_SANDBOX_H
#define DOCUMENT_SANDBOX_H

#include "core/error.h"

/* `program`: absolute path of what the process will execute next, or NULL: it
 * executes nothing and opens nothing. */
enum error_code sandbox_enter(const char *program, struct error *error) WARN_UNUSED;

#endif
