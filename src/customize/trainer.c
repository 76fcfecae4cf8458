/* trainer.c - starts, watches and ends `fulcrum train`. Decides nothing. See trainer.h. */
#include "customize/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/log.h"

#define ARGUMENTS_MAX 16
#define POLL_MS 20
#define BROKER_FD 3 /* in the child */

extern char **environ;

/* Whatever the server blocks or ignores is the server's own affair. */
static void reset_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct trainer *trainer, int broker_fd, const char *dir, char *const *arguments)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&files);
    if (failure)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (!failure) {
        reset_signals(&attributes);
        failure = posix_spawn_file_actions_addchdir_np(&files, dir);
        if (!failure)
            failure = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        if (!failure)
            failure = posix_spawn_file_actions_addopen(&files, 1, TRAINER_OUT, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (!failure)
            failure = posix_spawn_file_actions_addopen(&files, 2, TRAINER_LOG, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (!failure && broker_fd >= 0)
            failure = posix_spawn_file_actions_adddup2(&files, broker_fd, BROKER_FD);
        if (!failure)
            failure = posix_spawn(&trainer->pid, "/proc/self/exe", &files, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return failure;
}

enum error_code trainer_start(struct trainer *trainer, int broker_fd, const char *dir, const char *const *arguments,
                              struct error *error)
{
    char parent[16], page[4];
    const char *all[ARGUMENTS_MAX + 7] = {"fulcrum", "train", "--parent", parent};
    size_t count = 4;
    (void)snprintf(parent, sizeof(parent), "%ld", (long)getpid());
    (void)snprintf(page, sizeof(page), "%d", BROKER_FD);
    if (broker_fd >= 0) {
        all[count++] = "--broker";
        all[count++] = page;
    }
    for (size_t i = 0; arguments[i] && count < ARGUMENTS_MAX + 6; i++)
        all[count++] = arguments[i];
    *trainer = (struct trainer){0};
    const int failure = spawn(trainer, broker_fd, dir, (char *const *)(uintptr_t)all);
    if (failure) {
        trainer->pid = 0;
        return error_set_errno(error, ERROR_UNAVAILABLE, failure, "cannot start the trainer");
    }
    log_event(LOG_INFO, "trainer_started", LOG_C("directory", dir), LOG_I("process", trainer->pid));
    return OK;
}

bool trainer_has_ended(struct trainer *trainer, int *status)
{
    if (trainer->pid == 0)
        return true;
    const pid_t ended = waitpid(trainer->pid, status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return false;
    if (ended < 0)
        *status = SIGKILL; /* nobody knows how it ended */
    trainer->pid = 0;
    return true;
}

void trainer_stop(struct trainer *trainer, unsigned grace_ms)
{
    const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
    int status;
    if (trainer->pid == 0)
        return;
    (void)kill(trainer->pid, SIGTERM);
    for (unsigned waited = 0; !trainer_has_ended(trainer, &status); waited += POLL_MS) {
        if (waited >= grace_ms && waited < grace_ms + POLL_MS)
            (void)kill(trainer->pid, SIGKILL);
        (void)nanosleep(&poll, NULL);
    }
}
