/* trainer.c - starts `fulcrum train`. Decides nothing. See trainer.h. */
#include "customize/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/log.h"
#include "customize/model_store.h"

#define ARGUMENTS_MAX 16
#define BROKER_FD 3 /* in the child */

static enum error_code open_output(const char *dir, const char *name, int *fd, struct error *error)
{
    char path[CUSTOM_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *fd >= 0 ? OK : error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot write %s", path);
}

static enum error_code start(struct subprocess *trainer, int broker_fd, const char *dir, const char *const *arguments,
                             const int outputs[2], struct error *error)
{
    char page[4];
    const struct subprocess_file files[] = {{outputs[0], 1}, {outputs[1], 2}, {broker_fd, BROKER_FD}};
    const char *all[ARGUMENTS_MAX + 4] = {"train"};
    size_t count = 1;
    (void)snprintf(page, sizeof(page), "%d", BROKER_FD);
    if (broker_fd >= 0) {
        all[count++] = "--broker";
        all[count++] = page;
    }
    for (size_t i = 0; arguments[i] && count < ARGUMENTS_MAX + 3; i++)
        all[count++] = arguments[i];
    return subprocess_start(trainer, dir, all, files, broker_fd >= 0 ? 3 : 2, error);
}

enum error_code trainer_start(struct subprocess *trainer, int broker_fd, const char *dir,
                              const char *const *arguments, struct error *error)
{
    int outputs[2] = {-1, -1};
    *trainer = (struct subprocess){0};
    enum error_code code = open_output(dir, TRAINER_OUT, &outputs[0], error);
    if (code == OK)
        code = open_output(dir, TRAINER_LOG, &outputs[1], error);
    if (code == OK)
        code = start(trainer, broker_fd, dir, arguments, outputs, error);
    if (code == OK)
        log_event(LOG_INFO, "trainer_started", LOG_C("directory", dir), LOG_I("process", trainer->pid));
    for (size_t i = 0; i < 2; i++)
        if (outputs[i] >= 0)
            (void)close(outputs[i]);
    return code;
}
