/* worker.c - `fulcrum worker`: internal, started by the gateway's supervisor.
 *
 *   fulcrum worker --ports N --parent PID NAME
 *
 * NAME is for ps only; everything else comes over the control link. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/limits.h"
#include "core/str.h"
#include "engine/worker.h"

static bool number_after(int argc, char **argv, const char *option, uint64_t *value)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], option) == 0)
            return str_to_u64(str_of(argv[i + 1]), value);
    return false;
}

int cmd_worker(int argc, char **argv)
{
    uint64_t ports = 0, parent = 0;
    if (!number_after(argc, argv, "--ports", &ports) || !number_after(argc, argv, "--parent", &parent) ||
        ports > LIMIT_IO_THREADS) {
        fprintf(stderr, "fulcrum worker: started by `fulcrum serve`, not by hand\n");
        return 2;
    }
    /* Die with the gateway; it may have died before the request to do so. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((uint64_t)getppid() != parent)
        return 1;
    return worker_run((unsigned)ports);
}
