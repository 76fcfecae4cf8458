/* fulcrum whose wall clock is ahead by what a test says, so that hours pass between two of its lines:
 *
 *   CLOCK_AHEAD=FILE clocked_server serve [OPTION]...
 *
 * FILE holds the seconds, a little-endian number of eight bytes that the test may write at any time. Clocks that only
 * measure are not moved. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"

static const volatile int64_t *ahead_s;

/* Goes before the library's. */
int clock_gettime(clockid_t id, struct timespec *time)
{
    const int result = (int)syscall(SYS_clock_gettime, id, time);
    if (result == 0 && id == CLOCK_REALTIME && ahead_s)
        time->tv_sec += *ahead_s;
    return result;
}

static const int64_t *map(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return mapped == MAP_FAILED ? NULL : mapped;
}

int main(int argc, char **argv)
{
    const char *path = getenv("CLOCK_AHEAD");
    if (argc > 1 && !strcmp(argv[1], "worker"))
        return cmd_worker(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "extract"))
        return cmd_extract(argc - 1, argv + 1);
    ahead_s = path ? map(path) : NULL;
    if (argc < 2 || !ahead_s || strcmp(argv[1], "serve") != 0) {
        fprintf(stderr, "usage: CLOCK_AHEAD=FILE clocked_server serve [OPTION]...\n");
        return 2;
    }
    return cmd_serve(argc - 1, argv + 1);
}
