/* trainer.h - `fulcrum train` as a child process: it takes only what others leave of the CPUs and dies with the server.
 * A child belongs to the thread that started it, which outlives it. */
#ifndef CUSTOMIZE_TRAINER_H
#define CUSTOMIZE_TRAINER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"

struct trainer {
    pid_t pid; /* 0: none runs */
};

/* In the directory `dir`, with these arguments behind `train` (NULL-terminated); what it prints goes into the files
 * `out` and `log` there. It gives way to the workers of the page `broker_fd` (customize.h). */
enum error_code trainer_start(struct trainer *trainer, int broker_fd, const char *dir, const char *const *arguments,
                              struct error *error) WARN_UNUSED;
#define TRAINER_OUT "out"
#define TRAINER_LOG "log"

/* True: it is over, with the status of waitpid. */
bool trainer_has_ended(struct trainer *trainer, int *status);

/* Tells it to write a checkpoint and end; kills it after `grace_ms`. */
void trainer_stop(struct trainer *trainer, unsigned grace_ms);

#endif
