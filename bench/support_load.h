/* support_load.h - a load generator for HTTP/1.1: so many clients over keep-alive connections to a port of this
 * machine, each of which sends its next request when its reply is whole. One thread. */
#ifndef BENCH_SUPPORT_LOAD_H
#define BENCH_SUPPORT_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define LOAD_CLIENTS_MAX 64

struct load {
    uint16_t port;
    struct str request;   /* head and body */
    double *latencies;    /* microseconds, of the last run, in the order in which replies came */
    size_t latency_count; /* the first two million of them */
};

void load_init(struct load *load);
void load_deinit(struct load *load);

/* Runs until `calls` replies came or `us` have passed; replies a second. Exits the bench when one is no 200 or none
 * comes for long. */
double load_run(struct load *load, size_t clients, uint64_t calls, uint64_t us);

/* Connected, TCP_NODELAY; exits the bench when it can't be. */
int load_connect(uint16_t port);
void load_send(int fd, struct str data); /* all of it, which must fit into the socket's buffer or be taken from there */

#endif
