/* support_server.h - the product itself, build/fulcrum, as a process that serves by a fulcrum.yaml. One thread. */
#ifndef BENCH_SUPPORT_SERVER_H
#define BENCH_SUPPORT_SERVER_H

#include <stdint.h>
#include <sys/types.h>

struct bench_server {
    pid_t pid;
    uint16_t port; /* on 127.0.0.1 */
    const char *log;
};

/* Its log, in JSON, goes to a file. Exits the bench when it does not start. */
struct bench_server bench_server_start(const char *config, const char *data, const char *log);
void bench_server_stop(const struct bench_server *server); /* exits the bench when it does not end well */

uint16_t bench_free_port(void); /* of 127.0.0.1, for a server that is told one; 0: there is none */

#endif
