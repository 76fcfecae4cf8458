/* support_traffic.h - requests as they arrive: a recorded trace, or made up alike.
 *
 * The trace is the Azure LLM inference trace of 2023, conversations
 * (../shared/data/traces-azure-2023); without it, arrivals are Poisson's and
 * lengths log-normal with the same means. Lengths are divided by
 * TRAFFIC_SHORTER, so that a bench of minutes sees enough requests. One thread. */
#ifndef BENCH_SUPPORT_TRAFFIC_H
#define BENCH_SUPPORT_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_MAX 4096
#define TRAFFIC_SHORTER 8

struct arrival {
    double after; /* the one before, in units of the mean gap nearby */
    uint32_t prompt, reply; /* tokens */
};

struct traffic {
    struct arrival arrivals[TRAFFIC_MAX];
    size_t count;
    bool is_recorded;
};

void traffic_load(struct traffic *traffic);

#endif
