/* ask.c - see ask.h: both sides of the process. */
#include "jinja/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "core/io.h"
#include "core/subprocess.h"
#include "core/util.h"
#include "document/sandbox.h"
#include "jinja/render.h"

/* --- the process ------------------------------------------------------------------------------------- */

static void put(void *ctx, const char *answer, size_t len)
{
    *(bool *)ctx = io_write_all(STDOUT_FILENO, answer, len);
}

int jinja_serve(void)
{
    const struct rlimit seconds = {.rlim_cur = JINJA_SECONDS, .rlim_max = JINJA_SECONDS};
    struct sandbox_walls walls = {0};
    struct error error;
    struct buf question;
    bool is_written = false;
    buf_init(&question, JINJA_ANSWER_MAX);
    if (setrlimit(RLIMIT_CPU, &seconds) || sandbox_enter(NULL, &walls, &error) != OK ||
        file_read_open(stdin, "the question", &question, &error) != OK)
        _exit(1);
    jinja_render(question.data, question.len, put, &is_written);
    _exit(is_written ? 0 : 1); /* no handlers: they belong to the program that this one was */
}

/* --- who asks ---------------------------------------------------------------------------------------- */

/* A file in memory that holds the question; -1: errno says why. */
static int hold(struct str question)
{
    const int fd = memfd_create("question", MFD_CLOEXEC);
    if (fd >= 0 && io_write_all(fd, question.data, question.len) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Until its end or the deadline; false: the answer is not whole. */
static bool drain(int fd, struct buf *answer)
{
    const uint64_t deadline = clock_now_us() / 1000 + JINJA_WAIT_MS;
    for (;;) {
        const uint64_t now = clock_now_us() / 1000;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (now >= deadline)
            return false;
        const int ready = poll(&wait, 1, (int)(deadline - now));
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready <= 0)
            continue;
        char chunk[16384];
        const ssize_t got = io_read(fd, chunk, sizeof(chunk));
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0 && !buf_append(answer, chunk, (size_t)got))
            return false;
    }
}

static enum error_code judge(int status, bool is_whole, struct error *error)
{
    if (is_whole && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return OK;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) /* the kernel's, where its time is over, or ours */
        return error_set(error, ERROR_INVALID, "the template takes more than %u s to render", JINJA_SECONDS);
    return error_set(error, ERROR_INVALID,
                     "the template can't be rendered: it nests too deep, needs too much memory or writes too much");
}

static enum error_code ask(int question, int pipe_ends[2], struct buf *answer, struct error *error)
{
    static const char *const arguments[] = {"template", NULL};
    const struct subprocess_file files[] = {{question, STDIN_FILENO}, {pipe_ends[1], STDOUT_FILENO}};
    struct subprocess process;
    int status = 0;
    enum error_code code = subprocess_start(&process, NULL, arguments, files, 2, error);
    close(pipe_ends[1]);
    if (code != OK)
        return code;
    const bool is_whole = drain(pipe_ends[0], answer);
    if (!is_whole)
        (void)kill(process.pid, SIGKILL);
    while (waitpid(process.pid, &status, 0) < 0 && errno == EINTR)
        ;
    return judge(status, is_whole, error);
}

enum error_code jinja_ask(struct str question, struct buf *answer, struct error *error)
{
    int pipe_ends[2];
    const int fd = hold(question);
    if (fd < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot hold the question of a template");
    enum error_code code;
    if (pipe2(pipe_ends, O_CLOEXEC)) {
        code = error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot ask a template");
    } else {
        code = ask(fd, pipe_ends, answer, error);
        close(pipe_ends[0]);
    }
    close(fd);
    return code;
}
