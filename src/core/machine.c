/* machine.c - asks the kernel. See machine.h. */
#include "core/machine.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include "core/str.h"

uint64_t machine_memory_available(void)
{
    static const char key[] = "MemAvailable:";
    char text[4096];
    uint64_t kib = 0;
    const int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    const ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    struct str rest = {text, len < 0 ? 0 : (size_t)len}, line;
    while (str_split(&rest, '\n', &line)) {
        if (!str_starts(line, STR(key)))
            continue;
        struct str words = str_trim(str_slice(line, sizeof(key) - 1, line.len)), number;
        if (!str_split(&words, ' ', &number) || !str_to_u64(number, &kib))
            kib = 0;
    }
    const uint64_t group = uv_get_constrained_memory();
    return group > 0 && group < kib << 10 ? group : kib << 10;
}
