/* subprocess.c - see subprocess.h. */
#include "core/subprocess.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/machine.h"

#define ARGUMENTS_MAX 32
#define POLL_MS 20

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

static int add_files(posix_spawn_file_actions_t *actions, const char *directory, const struct subprocess_file *files,
                     size_t count)
{
    int failure = directory ? posix_spawn_file_actions_addchdir_np(actions, directory) : 0;
    if (!failure)
        failure = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    for (size_t i = 0; i < count && !failure; i++)
        failure = posix_spawn_file_actions_adddup2(actions, files[i].own, files[i].child);
    return failure;
}

static int spawn(struct subprocess *process, const char *directory, char *const *arguments,
                 const struct subprocess_file *files, size_t count)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (!failure) {
        reset_signals(&attributes);
        failure = add_files(&actions, directory, files, count);
        if (!failure)
            failure = posix_spawn(&process->pid, "/proc/self/exe", &actions, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

enum error_code subprocess_start(struct subprocess *process, const char *directory, const char *const *arguments,
                                 const struct subprocess_file *files, size_t file_count, struct error *error)
{
    char parent[16];
    const char *all[ARGUMENTS_MAX + 5] = {"fulcrum", arguments[0], "--parent", parent};
    size_t count = 4;
    (void)snprintf(parent, sizeof(parent), "%ld", (long)getpid());
    for (size_t i = 1; arguments[i]; i++) {
        assert(count < ARGUMENTS_MAX + 4);
        all[count++] = arguments[i];
    }
    *process = (struct subprocess){0};
    const int failure = spawn(process, directory, (char *const *)(uintptr_t)all, files, file_count);
    if (!failure)
        return OK;
    process->pid = 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, failure, "cannot start `fulcrum %s`", arguments[0]);
}

bool subprocess_has_ended(struct subprocess *process, int *status)
{
    if (process->pid == 0)
        return true;
    const pid_t ended = waitpid(process->pid, status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return false;
    if (ended < 0)
        *status = SIGKILL; /* nobody knows how it ended */
    process->pid = 0;
    return true;
}

void subprocess_stop(struct subprocess *process, unsigned grace_ms)
{
    const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
    int status;
    if (process->pid == 0)
        return;
    (void)kill(process->pid, grace_ms > 0 ? SIGTERM : SIGKILL);
    for (unsigned waited = 0; !subprocess_has_ended(process, &status); waited += POLL_MS) {
        if (waited >= grace_ms && waited < grace_ms + POLL_MS)
            (void)kill(process->pid, SIGKILL);
        (void)nanosleep(&poll, NULL);
    }
}

/* --- in the child ------------------------------------------------------------------------------------ */

/* Where memory runs out, its work is what can be done again. */
static void offer_memory(void)
{
    static const char most[] = "1000";
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, most, sizeof(most) - 1);
    (void)close(fd);
}

bool subprocess_serve(uint64_t parent)
{
    const struct sched_param lowest = {0};
    (void)sched_setscheduler(0, SCHED_IDLE, &lowest);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    offer_memory();
    return (uint64_t)getppid() == parent;
}

void subprocess_bind(uint64_t seconds, uint64_t memory)
{
    const struct rlimit room = {.rlim_cur = memory, .rlim_max = memory};
    if (seconds > 0)
        (void)alarm(seconds < UINT_MAX ? (unsigned)seconds : UINT_MAX);
    if (memory > 0 && !IS_SANITIZED)
        (void)setrlimit(RLIMIT_AS, &room);
}
