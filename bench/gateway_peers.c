/* gateway_peers.c - other gateways before the same provider, each as its makers start it: one process, its log in
 * a file.
 *
 * bench/gateway_peers.sh installs them, once; without them their figures are left out. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway_parts.h"
#include "support_server.h"
#include "core/util.h"

#define START_US 120000000u
#define PORTKEY "build/bench/portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
#define LITELLM "build/bench/litellm/bin/litellm"
#define LITELLM_CONFIG "build/bench/litellm.yaml"

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench gateway: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

/* Its first bytes may come long before it answers. */
static bool answers(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_there = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return is_there;
}

static void write_litellm_config(uint16_t provider)
{
    FILE *file = fopen(LITELLM_CONFIG, "w");
    if (!file || fprintf(file,
                         "model_list:\n"
                         "  - model_name: instant\n"
                         "    litellm_params: {model: openai/instant, api_key: none,\n"
                         "                     api_base: \"http://127.0.0.1:%u/v1\"}\n",
                         provider) < 0 ||
        fclose(file) != 0)
        die(LITELLM_CONFIG);
}

static void exec_peer(const struct gateway_peer *peer, size_t index)
{
    char log[128], port[16], option[32];
    snprintf(log, sizeof(log), "build/bench/%s.log", peer->name);
    snprintf(port, sizeof(port), "%u", peer->port);
    snprintf(option, sizeof(option), "--port=%u", peer->port);
    const int file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
        _exit(1);
    (void)setenv("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true", 1); /* it asks for no key then */
    if (index == 0)
        (void)execlp("node", "node", PORTKEY, option, "--headless", (char *)NULL);
    else
        (void)execl(LITELLM, LITELLM, "--config", LITELLM_CONFIG, "--host", "127.0.0.1", "--port", port,
                    "--num_workers", "1", "--telemetry", "False", (char *)NULL);
    _exit(1);
}

bool gateway_peer_start(size_t index, uint16_t provider, struct gateway_peer *peer, const char **why)
{
    static char headers[256];
    static const struct gateway_peer peers[GATEWAY_PEERS] = {
        {.name = "portkey", .headers = headers, .model = "instant", .least = 10},
        {.name = "litellm", .headers = "authorization: Bearer none\r\n", .model = "instant", .least = 50},
    };
    const char *program = index == 0 ? PORTKEY : LITELLM;
    const uint64_t until_us = clock_now_us() + START_US;
    struct stat found;
    int status;
    *peer = peers[index];
    *why = "not run: bench/gateway_peers.sh installs it";
    if (stat(program, &found) != 0)
        return false;
    snprintf(headers, sizeof(headers), "x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:%u/v1\r\n"
             "authorization: Bearer none\r\n", provider);
    write_litellm_config(provider);
    peer->port = bench_free_port();
    peer->pid = fork();
    if (peer->pid == 0)
        exec_peer(peer, index);
    *why = "not run: it did not start, see its log in build/bench";
    while (peer->pid > 0 && !answers(peer->port) && clock_now_us() < until_us) {
        if (waitpid(peer->pid, &status, WNOHANG) != 0)
            return false;
        (void)usleep(100000);
    }
    return peer->pid > 0;
}

void gateway_peer_stop(const struct gateway_peer *peer)
{
    (void)kill(peer->pid, SIGKILL);
    (void)waitpid(peer->pid, NULL, 0);
}
