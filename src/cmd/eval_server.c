/* eval_server.c - starts `fulcrum serve` for one evaluation and ends it, with its data. See eval_server.h. */
#include "cmd/eval_server.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/str.h"
#include "core/util.h"

#define START_TIMEOUT_MS 120000
#define STOP_TIMEOUT_MS 40000
#define GREETING "listening on "

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_data(struct eval_server *server)
{
    if (server->data_dir[0])
        nftw(server->data_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    server->data_dir[0] = '\0';
}

/* In the child. The server dies with us even when we are killed. */
static void exec_server(const struct eval_server *server, const char *config, int out, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0)
        _exit(1);
    const char *argv[12] = {"fulcrum", "serve",        "--listen", "127.0.0.1:0", "--data", server->data_dir,
                            "--log-level", "error"};
    if (config) {
        argv[8] = "--config";
        argv[9] = config;
    }
    execv("/proc/self/exe", (char *const *)(const void *)argv);
    _exit(127);
}

/* Reads the first line into `line`; false on end of file, a line too long or no line in time. */
static bool read_line(int fd, char *line, size_t cap)
{
    uint64_t deadline = clock_now_us() + START_TIMEOUT_MS * 1000ULL;
    for (size_t len = 0; len + 1 < cap;) {
        uint64_t now = clock_now_us();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (now >= deadline || poll(&wait, 1, (int)((deadline - now) / 1000) + 1) <= 0)
            return false;
        ssize_t got = read(fd, line + len, 1);
        if (got <= 0)
            return false;
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
        len++;
    }
    return false;
}

static enum error_code fork_server(const char *config, struct eval_server *server, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return error_set_errno(error, ERROR_IO, errno, "cannot make a pipe for the server");
    pid_t parent = getpid();
    server->pid = fork();
    if (!server->pid)
        exec_server(server, config, ends[1], parent);
    close(ends[1]);
    if (server->pid < 0) {
        server->pid = 0;
        close(ends[0]);
        return error_set_errno(error, ERROR_IO, errno, "cannot start the server");
    }
    server->out = ends[0];
    return OK;
}

enum error_code eval_server_start(const char *config, struct eval_server *server, struct error *error)
{
    *server = (struct eval_server){.data_dir = "/tmp/fulcrum-eval-XXXXXX"};
    if (!mkdtemp(server->data_dir)) {
        server->data_dir[0] = '\0';
        return error_set_errno(error, ERROR_IO, errno, "cannot make a directory in /tmp");
    }
    if (fork_server(config, server, error)) {
        remove_data(server);
        return error->code;
    }
    char line[sizeof(server->url)];
    bool has_line = read_line(server->out, line, sizeof(line));
    if (!has_line || !str_starts(str_of(line), STR(GREETING))) {
        eval_server_stop(server);
        return error_set(error, ERROR_UNAVAILABLE,
                         "the server for the evaluation did not start; `fulcrum serve` says why");
    }
    snprintf(server->url, sizeof(server->url), "%s", line + strlen(GREETING));
    return OK;
}

void eval_server_stop(struct eval_server *server)
{
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        uint64_t deadline = clock_now_us() + STOP_TIMEOUT_MS * 1000ULL;
        while (!waitpid(server->pid, NULL, WNOHANG)) {
            if (clock_now_us() > deadline)
                kill(server->pid, SIGKILL);
            poll(NULL, 0, 10);
        }
        server->pid = 0;
        close(server->out);
    }
    remove_data(server);
}
