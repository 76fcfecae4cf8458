/* support_server.c - see support_server.h. */
#include "support_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/str.h"

_Noreturn static void die(const char *what, const char *log)
{
    (void)fprintf(stderr, "bench: %s (%s), see %s\n", what, errno ? strerror(errno) : "failed", log);
    exit(1);
}

static void exec_server(const char *config, const char *data, const char *log, int out)
{
    const int file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (file < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
        _exit(1);
    (void)execl("build/fulcrum", "fulcrum", "serve", "--config", config, "--listen", "127.0.0.1:0", "--data", data,
                "--log", "json", (char *)NULL);
    _exit(1);
}

struct bench_server bench_server_start(const char *config, const char *data, const char *log)
{
    struct bench_server server = {.log = log};
    int ends[2];
    char line[200];
    uint64_t port = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        die("pipe", log);
    server.pid = fork();
    if (server.pid == 0)
        exec_server(config, data, log, ends[1]);
    (void)close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    if (server.pid < 0 || !out || !fgets(line, sizeof(line), out))
        die("the server did not start", log);
    (void)fclose(out);
    struct str text = str_trim(str_of(line)), rest = text, part = text;
    while (str_split(&rest, ':', &part))
        continue;
    if (!str_starts(text, STR("listening on http://")) || !str_to_u64(part, &port))
        die("the server's first line is not an address", log);
    server.port = (uint16_t)port;
    return server;
}

void bench_server_stop(const struct bench_server *server)
{
    int status;
    (void)kill(server->pid, SIGTERM);
    if (waitpid(server->pid, &status, 0) != server->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("the server did not end well", server->log);
}

uint16_t bench_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                          getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    if (fd >= 0)
        close(fd);
    return is_bound ? ntohs(address.sin_port) : 0;
}
