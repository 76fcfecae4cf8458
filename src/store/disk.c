/* disk.c - see disk.h. With R the reserve (`limits: disk_reserve_bytes`, an eighth of the file system at most):
 *
 *   others are admitted     while free + reserve >= R + R/4 after the write
 *   prefixes are written    while free >= 64 MiB after the write, or an eighth of the file system if that is less
 *   the reserve gives up    R/16 at a time, at least STEP_MIN, down to R/4; the last R/4 only during a start
 *   and takes back          up to R/4 whatever is free; above, what is free beyond R/4 */
#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/condition.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"

#define RESERVE_FILE "reserve"
#define SHARE_MAX 8                 /* the reserve and the prefixes' distance are at most this part of the disk */
#define STEP_MIN (256u << 10)
#define START_BYTES (4u << 20)      /* what a start should find free: databases, a journal's segment */
#define PREFIX_SPARE (64u << 20)
#define GIVE_WAY_MIN (1u << 20)     /* of prefixes, at a time */
#define TICK_MS 500
#define PATH_BYTES 4096
#define PREFIX_NAME_MIN 32          /* names of prefix files are longer, those of their locks shorter */

struct disk {
    int dir;     /* the directory as it was opened */
    int reserve; /* -1: could not be made so far */
    char path[PATH_BYTES];
    dev_t device;
    ino_t inode;
    bool can_reserve; /* the file system knows how to set blocks aside */
    _Atomic uint64_t wanted, held;
    atomic_bool is_starting, is_short, was_refused, is_gone;
    pthread_mutex_t mutex; /* guards the reserve file, and those below */
    pthread_cond_t wake;
    bool is_closing, must_look;
    pthread_t thread;
    bool has_thread;
};

static struct disk disk = {.dir = -1, .reserve = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};
static atomic_bool is_open;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t margin(void)
{
    return atomic_load(&disk.wanted) / 4;
}

/* What of the reserve is for the next start. */
static uint64_t start_share(void)
{
    return atomic_load(&disk.wanted) / 4;
}

/* A file system that does not say how large it is refuses nobody: writes will tell. */
static uint64_t free_bytes(void)
{
    uint64_t free_now, total;
    return io_space(disk.dir, &free_now, &total) && total > 0 ? free_now : INT64_MAX;
}

static bool is_short_of(uint64_t free_now, uint64_t bytes)
{
    const uint64_t have = free_now + atomic_load(&disk.held), need = atomic_load(&disk.wanted) + margin();
    return have < need || have - need < bytes;
}

/* --- the reserve; under the mutex -------------------------------------------------------------------------- */

static void measure_reserve(void)
{
    struct stat info;
    if (disk.reserve < 0 || fstat(disk.reserve, &info) != 0)
        return;
    atomic_store(&disk.held, least((uint64_t)info.st_size, (uint64_t)info.st_blocks * 512));
}

static void grow_reserve(uint64_t to)
{
    if (disk.reserve < 0)
        disk.reserve = openat(disk.dir, RESERVE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (disk.reserve < 0 || !disk.can_reserve || to == 0)
        return;
    if (io_fallocate(disk.reserve, 0, 0, (off_t)to) != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        disk.can_reserve = false; /* then what is free is all there is: the margin is kept from the others alone */
        log_event(LOG_WARN, "the file system sets no blocks aside: other programs may fill the ledger's disk");
    }
    measure_reserve();
}

static bool shrink_reserve(uint64_t to)
{
    const uint64_t held = atomic_load(&disk.held);
    if (disk.reserve < 0 || to >= held || ftruncate(disk.reserve, (off_t)to) != 0)
        return false;
    measure_reserve();
    return true;
}

static void take_back(uint64_t free_now)
{
    const uint64_t held = atomic_load(&disk.held), wanted = atomic_load(&disk.wanted);
    uint64_t more = free_now > margin() ? free_now - margin() : 0;
    if (held < start_share())
        more = least(start_share() - held, free_now) > more ? least(start_share() - held, free_now) : more;
    more = least(more, wanted - held);
    if (held < wanted && (more >= STEP_MIN || held + more >= wanted))
        grow_reserve(held + more);
}

/* --- prefixes give way; under the mutex -------------------------------------------------------------------- */

struct prefix_file {
    char path[300]; /* in DATA/kv */
    int64_t used_s;
    uint64_t bytes;
};

struct prefix_files {
    struct prefix_file *items;
    size_t count, cap;
};

static void list_files(int root, const char *store, struct prefix_files *files)
{
    const int fd = openat(root, store, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0)
        close(fd);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stat info;
        struct prefix_file file;
        void *items = files->items;
        if (strlen(entry->d_name) < PREFIX_NAME_MIN || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode) || !mem_grow(&items, files->count, &files->cap, sizeof(file)))
            continue;
        files->items = items;
        const int len = snprintf(file.path, sizeof(file.path), "%s/%s", store, entry->d_name);
        file.used_s = info.st_mtim.tv_sec;
        file.bytes = (uint64_t)info.st_blocks * 512;
        if (len > 0 && (size_t)len < sizeof(file.path))
            files->items[files->count++] = file;
    }
    if (dir)
        (void)closedir(dir);
}

static int by_use(const void *a, const void *b)
{
    const struct prefix_file *x = a, *y = b;
    return (x->used_s > y->used_s) - (x->used_s < y->used_s);
}

/* Removes what was not used for the longest time, until so many bytes are free. Its worker finds it gone and takes
 * that for a miss. */
static void give_way(uint64_t bytes)
{
    struct prefix_files files = {0};
    uint64_t freed = 0;
    size_t removed = 0;
    const int root = openat(disk.dir, DISK_PREFIX_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = root >= 0 ? fdopendir(dup(root)) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            list_files(root, entry->d_name, &files);
    if (files.count)
        qsort(files.items, files.count, sizeof(*files.items), by_use);
    for (; removed < files.count && freed < bytes + GIVE_WAY_MIN; removed++)
        if (unlinkat(root, files.items[removed].path, 0) == 0)
            freed += files.items[removed].bytes;
    if (removed)
        log_event(LOG_WARN, "cached prefixes give way on a full disk", LOG_I("files", removed),
                  LOG_I("bytes", freed));
    if (dir)
        (void)closedir(dir);
    if (root >= 0)
        close(root);
    mem_free(files.items);
}

/* --- looking ----------------------------------------------------------------------------------------------- */

enum error_code disk_check(struct error *error)
{
    struct stat info;
    if (!atomic_load(&is_open))
        return OK;
    if (stat(disk.path, &info) == 0 && info.st_dev == disk.device && info.st_ino == disk.inode)
        return OK;
    if (!atomic_exchange(&disk.is_gone, true))
        condition_set("data", CONDITION_DOWN,
                      "the data directory %s was removed or replaced; put it back, or restart the server", disk.path);
    return error_set(error, ERROR_UNAVAILABLE, "The server's data directory is gone; its log says more.");
}

static void set_condition(uint64_t free_now)
{
    const uint64_t held = atomic_load(&disk.held), wanted = atomic_load(&disk.wanted);
    const bool is_short = is_short_of(free_now, STEP_MIN);
    atomic_store(&disk.is_short, is_short);
    if (held > start_share() || free_now >= STEP_MIN)
        atomic_store(&disk.was_refused, false);
    if (atomic_load(&disk.was_refused))
        condition_set("disk", CONDITION_DOWN,
                      "no space is left for the ledger on the disk of %s, requests are refused: free some", disk.path);
    else if (is_short)
        condition_set("disk", CONDITION_NOTE,
                      "the disk of %s is full: %" PRIu64 " MiB free, %" PRIu64 " of the ledger's %" PRIu64
                      " MiB; objects, jobs and prefixes are not written", disk.path, free_now >> 20, held >> 20,
                      wanted >> 20);
    else
        condition_clear("disk");
}

/* Under the mutex. */
static void look(void)
{
    struct error ignored;
    if (disk_check(&ignored) != OK)
        return;
    if (atomic_exchange(&disk.is_gone, false))
        condition_clear("data");
    uint64_t free_now = free_bytes();
    if (free_now < margin()) {
        give_way(margin() - free_now);
        free_now = free_bytes();
    }
    if (!atomic_load(&disk.is_starting)) {
        take_back(free_now);
        free_now = free_bytes();
    }
    set_condition(free_now);
}

static void *watch(void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&disk.mutex);
    while (!disk.is_closing) {
        look();
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        disk.must_look = false;
        while (!disk.is_closing && !disk.must_look &&
               pthread_cond_timedwait(&disk.wake, &disk.mutex, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&disk.mutex);
    return NULL;
}

static void look_soon(void)
{
    pthread_mutex_lock(&disk.mutex);
    disk.must_look = true;
    pthread_cond_signal(&disk.wake);
    pthread_mutex_unlock(&disk.mutex);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

enum error_code disk_admit(uint64_t bytes, struct error *error)
{
    if (!atomic_load(&is_open))
        return OK;
    if (disk_check(error) != OK)
        return error->code;
    if (!is_short_of(free_bytes(), bytes))
        return OK;
    pthread_mutex_lock(&disk.mutex);
    uint64_t free_now = free_bytes();
    if (is_short_of(free_now, bytes))
        give_way(bytes + margin());
    free_now = free_bytes();
    const bool is_admitted = !is_short_of(free_now, bytes);
    set_condition(free_now);
    pthread_mutex_unlock(&disk.mutex);
    return is_admitted ? OK
                       : error_set(error, ERROR_UNAVAILABLE,
                                   "The server's disk is full: what is left is kept for its ledger. Delete something, "
                                   "or try again later.");
}

bool disk_release(void)
{
    if (!atomic_load(&is_open))
        return false;
    pthread_mutex_lock(&disk.mutex);
    const uint64_t held = atomic_load(&disk.held), wanted = atomic_load(&disk.wanted);
    const uint64_t keep = atomic_load(&disk.is_starting) ? 0 : start_share();
    const uint64_t step = wanted / 16 > STEP_MIN ? wanted / 16 : STEP_MIN;
    const bool is_released = held > keep && shrink_reserve(held - keep > step ? held - step : keep);
    atomic_store(&disk.is_short, true);
    pthread_mutex_unlock(&disk.mutex);
    if (is_released)
        log_event(LOG_WARN, "the ledger takes from its reserve on a full disk",
                  LOG_I("left_bytes", atomic_load(&disk.held)));
    return is_released;
}

void disk_refused(void)
{
    if (!atomic_load(&is_open) || atomic_exchange(&disk.was_refused, true))
        return;
    look_soon();
}

bool disk_is_short(void)
{
    return atomic_load(&disk.is_short);
}

bool disk_spares(int dir, uint64_t bytes)
{
    uint64_t free_now, total;
    if (!io_space(dir, &free_now, &total) || total == 0)
        return true;
    const uint64_t spare = least(PREFIX_SPARE, total / SHARE_MAX);
    return free_now >= spare && free_now - spare >= bytes;
}

bool disk_figures(struct disk_figures *figures)
{
    if (!atomic_load(&is_open))
        return false;
    *figures = (struct disk_figures){free_bytes(), atomic_load(&disk.held), atomic_load(&disk.wanted)};
    return true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static enum error_code open_directory(const char *data, struct error *error)
{
    struct stat info;
    const int len = snprintf(disk.path, sizeof(disk.path), "%s", data);
    if (len < 0 || (size_t)len >= sizeof(disk.path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    disk.dir = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk.dir < 0 || fstat(disk.dir, &info) != 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot open data directory %s", data);
    disk.device = info.st_dev;
    disk.inode = info.st_ino;
    return OK;
}

/* Whatever is in the way of a start goes: prefixes, then the reserve. */
static void make_room_for_start(void)
{
    const uint64_t need = least(START_BYTES, atomic_load(&disk.wanted) / 2);
    uint64_t free_now = free_bytes();
    if (free_now < need)
        give_way(need - free_now);
    free_now = free_bytes();
    const uint64_t held = atomic_load(&disk.held), missing = free_now < need ? need - free_now : 0;
    if (missing)
        (void)shrink_reserve(held > missing ? held - missing : 0);
}

static void set_aside(void)
{
    uint64_t free_now = 0, total = 0;
    (void)io_space(disk.dir, &free_now, &total);
    atomic_store(&disk.wanted, least(limit(disk_reserve_bytes), total / SHARE_MAX));
    disk.can_reserve = true;
    grow_reserve(0);
    measure_reserve();
    if (atomic_load(&disk.held) > atomic_load(&disk.wanted))
        (void)shrink_reserve(atomic_load(&disk.wanted));
    make_room_for_start();
    if (free_bytes() >= START_BYTES)
        take_back(free_bytes() - START_BYTES);
    set_condition(free_bytes());
}

enum error_code disk_open(const char *data, struct error *error)
{
    pthread_condattr_t monotonic;
    if (open_directory(data, error) != OK)
        return error->code;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&disk.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    disk.is_closing = false;
    atomic_store(&disk.is_starting, true);
    atomic_store(&disk.was_refused, false);
    atomic_store(&disk.held, 0);
    pthread_mutex_lock(&disk.mutex);
    set_aside();
    pthread_mutex_unlock(&disk.mutex);
    atomic_store(&is_open, true);
    const int failure = pthread_create(&disk.thread, NULL, watch, NULL);
    disk.has_thread = failure == 0;
    return failure ? error_set_errno(error, ERROR_IO, failure, "cannot start the thread that looks at the disk") : OK;
}

void disk_started(void)
{
    atomic_store(&disk.is_starting, false);
    if (atomic_load(&is_open))
        look_soon();
}

void disk_close(void)
{
    if (atomic_exchange(&is_open, false) && disk.has_thread) {
        pthread_mutex_lock(&disk.mutex);
        disk.is_closing = true;
        pthread_cond_signal(&disk.wake);
        pthread_mutex_unlock(&disk.mutex);
        (void)pthread_join(disk.thread, NULL);
    }
    if (disk.reserve >= 0)
        close(disk.reserve);
    if (disk.dir >= 0)
        close(disk.dir);
    disk.dir = disk.reserve = -1;
    disk.has_thread = false;
    atomic_store(&disk.is_short, false);
    atomic_store(&disk.is_gone, false);
}
