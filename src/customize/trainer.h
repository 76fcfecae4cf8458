/* trainer.h - `fulcrum train` as a child process (core/subprocess.h). */
#ifndef CUSTOMIZE_TRAINER_H
#define CUSTOMIZE_TRAINER_H

#include "core/subprocess.h"

/* In the directory `dir`, with these arguments behind `train` (NULL-terminated); what it prints goes into the files
 * `out` and `log` there. It gives way to the workers of the page `broker_fd` (customize.h). */
enum error_code trainer_start(struct subprocess *trainer, int broker_fd, const char *dir,
                              const char *const *arguments, struct error *error) WARN_UNUSED;
#define TRAINER_OUT "out"
#define TRAINER_LOG "log"

#endif
