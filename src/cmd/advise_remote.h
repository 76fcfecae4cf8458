/* advise_remote.h - `fulcrum advise --endpoint`: a running server's advice on its own requests. */
#ifndef CMD_ADVISE_REMOTE_H
#define CMD_ADVISE_REMOTE_H

#include <stdbool.h>

struct advise_remote {
    const char *endpoint;                /* not NULL */
    const char *days, *tenant, *what_if; /* as given; NULL: not */
    bool is_json;
};

/* Waits until it is there; returns the exit status. */
int advise_remote(const struct advise_remote *options);

#endif
