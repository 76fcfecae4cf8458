/* data_dir.c - see data_dir.h. The lock file holds the server's number, and a line that says what it listens to; the
 * lock itself is the kernel's. */
#include "cmd/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"

#define PATH_BYTES 4096
#define HOLDER_BYTES 64
#define LOCK_TRIES 10
#define LOCK_PAUSE_US 20000u
#define TAKES_HANGUP "hangup: models"

enum error_code data_dir_make(const char *path, struct error *error)
{
    char partial[PATH_BYTES];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(partial))
        return error_set(error, ERROR_INVALID, "data directory: the path is empty or too long");
    memcpy(partial, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        char kept = partial[i];
        partial[i] = '\0';
        if (mkdir(partial, 0700) && errno != EEXIST)
            return error_set_errno(error, ERROR_IO, errno, "cannot make data directory %s", partial);
        partial[i] = kept;
    }
    return OK;
}

static void read_holder(int fd, struct data_dir_holder *holder)
{
    char text[HOLDER_BYTES];
    uint64_t pid = 0;
    const ssize_t len = pread(fd, text, sizeof(text), 0);
    struct str rest = {text, len > 0 ? (size_t)len : 0}, first, second;
    if (str_split(&rest, '\n', &first) && str_to_u64(first, &pid) && pid <= INT32_MAX)
        holder->pid = (long)pid;
    holder->takes_hangup = str_split(&rest, '\n', &second) && str_eq(second, STR(TAKES_HANGUP));
}

static enum error_code lock_is_held(int fd, const char *path, struct error *error)
{
    struct data_dir_holder holder = {0};
    char pid[32] = "unknown";
    read_holder(fd, &holder);
    if (holder.pid)
        snprintf(pid, sizeof(pid), "%ld", holder.pid);
    return error_set(error, ERROR_CONFLICT,
                     "data directory %s is in use by process %s; stop that server or give another --data", path, pid);
}

/* Whoever only asks who the holder is has it for a moment. */
static bool take_lock(int fd)
{
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK || tries == LOCK_TRIES)
            return false;
        usleep(LOCK_PAUSE_US);
    }
    return true;
}

enum error_code data_dir_lock(const char *path, int *lock_fd, struct error *error)
{
    char file[PATH_BYTES], text[HOLDER_BYTES];
    enum error_code code = data_dir_make(path, error);
    if (code != OK)
        return code;
    snprintf(file, sizeof(file), "%s/lock", path);
    const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    *lock_fd = fd;
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot open %s", file);
    if (!take_lock(fd))
        return errno == EWOULDBLOCK ? lock_is_held(fd, path, error)
                                    : error_set_errno(error, ERROR_IO, errno, "cannot lock %s", file);
    /* Over what is there, which a full disk takes. The lock holds without it. */
    int len = snprintf(text, sizeof(text), "%ld\n" TAKES_HANGUP "\n", (long)getpid());
    if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len))
        log_event(LOG_WARN, "cannot write the lock file", LOG_C("file", file), LOG_C("error", strerror(errno)));
    return OK;
}

struct data_dir_holder data_dir_find_holder(const char *path)
{
    struct data_dir_holder holder = {0};
    char file[PATH_BYTES];
    const int len = snprintf(file, sizeof(file), "%s/lock", path);
    const int fd = len > 0 && (size_t)len < sizeof(file) ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return holder;
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        holder.is_held = true;
        read_holder(fd, &holder);
    }
    close(fd);
    return holder;
}
