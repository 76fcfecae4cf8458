/* subprocess.h - this program again as a child process, for work that takes long: it takes only what others leave of
 * the CPUs and dies with the process that started it. A child belongs to the thread that started it, which outlives it:
 * the kernel ends it with that thread. */
#ifndef CORE_SUBPROCESS_H
#define CORE_SUBPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

struct subprocess {
    pid_t pid; /* 0: none runs */
};

/* A descriptor of ours, and the number that it has in the child. */
struct subprocess_file {
    int own, child;
};

/* The arguments behind the program's name end with NULL; `--parent` and our process stand behind the first of them.
 * Standard input is empty; `directory` NULL: ours. ERROR_UNAVAILABLE. */
enum error_code subprocess_start(struct subprocess *process, const char *directory, const char *const *arguments,
                                 const struct subprocess_file *files, size_t file_count,
                                 struct error *error) WARN_UNUSED;

/* True: it is over, with the status of waitpid, or none runs. */
bool subprocess_has_ended(struct subprocess *process, int *status);

/* Tells it to end; kills it after `grace_ms`. */
void subprocess_stop(struct subprocess *process, unsigned grace_ms);

/* In the child, with what stands behind `--parent`. False: that process is gone already. */
bool subprocess_serve(uint64_t parent);
/* Likewise: the kernel ends it after so many seconds, and gives it no more address space. 0: as much as it likes. */
void subprocess_bind(uint64_t seconds, uint64_t memory);

#endif
