/* Entering the sandbox: limits and the change of user stand here, the two walls in files of their own. */
#include "document/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/machine.h"

#define NOBODY 65534
#define OPEN_FILES_MAX 64

/* --- resource limits -------------------------------------------------------------------------------- */

/* What this process has mapped already: its own program, which the limit is not about. */
static uint64_t mapped_bytes(void)
{
    char text[64] = "";
    unsigned long long pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0 || sscanf(text, "%llu", &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool bound(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now))
        return false;
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    if (wanted.rlim_max > now.rlim_max)
        wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max)
        wanted.rlim_cur = wanted.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &wanted) == 0;
}

static bool bound_resources(void)
{
    uint64_t seconds = (limit(document_timeout_ms) + 999) / 1000;
    return bound(RLIMIT_CPU, seconds, seconds + 1) && bound(RLIMIT_FSIZE, 0, 0) && bound(RLIMIT_CORE, 0, 0) &&
           bound(RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX);
}

static void close_others(void)
{
    if (syscall(SYS_close_range, 3, ~0u, 0) == 0)
        return;
    for (int fd = 3; fd < 65536; fd++) /* Linux before 5.9 */
        close(fd);
}

/* False: still root, as where the user namespace has no nobody. */
static bool drop_root(void)
{
    if (geteuid() != 0)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* --- what holds ------------------------------------------------------------------------------------- */

static void append_clause(struct buf *out, const char *text)
{
    buf_append_text(out, out->len > 0 ? "; " : "");
    buf_append_text(out, text);
}

void sandbox_append_missing(const struct sandbox_walls *walls, struct buf *out)
{
    if (walls->landlock_abi == 0)
        append_clause(out, "no Landlock (Linux 5.13, switched on): a reader could open what everybody may read");
    if (!walls->has_call_filter)
        append_clause(out, "no seccomp filter: a reader could use the network and other processes");
    if (!walls->is_unprivileged)
        append_clause(out, "root cannot become nobody here: a reader could act as root");
}

#define OWN_FILE "/proc/self/fd/0"

static bool can_open(void)
{
    const int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool can_truncate(void)
{
    return truncate(OWN_FILE, 0) == 0;
}

static bool can_chmod(void)
{
    return chmod(OWN_FILE, 0600) == 0;
}

/* The network is there when a socket is: where it would lead does not matter. */
static bool can_connect(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool can_trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool can_signal(void)
{
    return kill(getppid(), 0) == 0;
}

static bool can_fork(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

void sandbox_append_escapes(struct buf *out)
{
    static const struct {
        const char *clause;
        bool (*is_possible)(void);
    } attempts[] = {
        {"a reader can open files", can_open},          {"a reader can truncate files", can_truncate},
        {"a reader can change file modes", can_chmod},  {"a reader can use the network", can_connect},
        {"a reader can signal the server", can_signal}, {"a reader can start processes", can_fork},
        {"a reader can be traced", can_trace}, /* last: signals stop a process that is traced */
    };
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
        if (attempts[i].is_possible())
            append_clause(out, attempts[i].clause);
}

/* --- the way in ------------------------------------------------------------------------------------- */

enum error_code sandbox_enter(const char *program, struct sandbox_walls *walls, struct error *error)
{
    uint64_t memory = limit(document_memory_bytes) + (program ? 0 : mapped_bytes());
    close_others();
    if (!bound_resources())
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set resource limits");
    walls->is_unprivileged = drop_root();
    /* After the change of user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot give up privileges");
    walls->landlock_abi = sandbox_close_files(program);
    /* May be less than what this program has mapped, before it becomes the other; and before the calls are closed. */
    if ((program || !IS_SANITIZED) && !bound(RLIMIT_AS, memory, memory))
        return error_set(error, ERROR_INTERNAL, "cannot limit memory");
    walls->has_call_filter = sandbox_close_calls(program != NULL);
    return OK;
}
