/* eval_server.h - a server of our own for one evaluation: `fulcrum serve` as a
 * child process on a free port, with a data directory that is removed after.
 * One thread. */
#ifndef CMD_EVAL_SERVER_H
#define CMD_EVAL_SERVER_H

#include <sys/types.h>

#include "core/error.h"

#define EVAL_URL_MAX 256

struct eval_server {
    pid_t pid; /* 0: none */
    int out;   /* read end of its standard output; open as long as it runs, so that it can write */
    char url[EVAL_URL_MAX];
    char data_dir[64];
};

/* Starts it and waits until it listens. `config` is the path of fulcrum.yaml or
 * NULL. *server needs eval_server_stop only after OK. */
enum error_code eval_server_start(const char *config, struct eval_server *server, struct error *error) WARN_UNUSED;
void eval_server_stop(struct eval_server *server); /* none running: does nothing */

#endif
