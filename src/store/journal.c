/* journal.c - see journal.h.
 *
 * A journal is a directory of segments, NUMBER.journal with NUMBER in twelve
 * decimal digits, consecutive from the oldest that is left.
 *
 *   segment   "fulcrum journal\n", u32 version (1), u32 zero, then records
 *   record    u32 length of the payload, at most JOURNAL_RECORD_MAX
 *             u32 type, not zero
 *             u64 XXH3 of the payload, seeded with type << 32 | length
 *             payload
 *
 * Integers are little-endian. A segment ends with its file; disk space set
 * aside behind the end is not part of it. A last record shorter than it says
 * was cut off by a crash and never happened. */
#include "store/journal.h"

#include <assert.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/util.h"
#include "store/disk.h"

#define MAGIC "fulcrum journal\n"
#define MAGIC_LEN 16
#define SEGMENT_HEADER_LEN 24
#define RECORD_HEADER_LEN 16
#define VERSION 1
#define ALLOCATE_BYTES (256u << 10) /* set aside at a time */
#define WINDOW_BYTES (64u << 10)    /* read at a time */
#define READ_AGAIN 2                /* times that a place without a record is read from the file once more */
#define LOOK_US 1000
#define SUFFIX ".journal"
#define NUMBER_DIGITS 12
#define DIRECTORY_MAX 4000

_Static_assert(WINDOW_BYTES >= JOURNAL_RECORD_MAX + RECORD_HEADER_LEN, "a record must fit into the window");

struct journal {
    pthread_mutex_t mutex; /* guards all below but dir and limit_bytes */
    pthread_cond_t grown;
    char dir[JOURNAL_PATH_MAX];
    uint64_t limit_bytes;
    int fd;
    char path[JOURNAL_PATH_MAX]; /* of the current segment */
    dev_t device;
    ino_t inode;
    uint64_t looked_us; /* when it was last found in its place */
    uint64_t segment, size;
    uint64_t allocated;     /* space of it is set aside up to here */
    uint64_t promised;      /* bytes still to come, record headers included */
    uint64_t past_bytes;    /* of the segments before it */
    bool can_allocate;      /* the file system knows how */
    bool is_broken;         /* half a record could not be taken back: nothing more goes in here */
    bool is_woken;
};

/* journal_open and journal_list have bounded the directory's length. */
static void segment_path(char path[JOURNAL_PATH_MAX], const char *dir, uint64_t segment, const char *suffix)
{
    (void)snprintf(path, JOURNAL_PATH_MAX, "%.*s/%0*" PRIu64 "%s", DIRECTORY_MAX, dir, NUMBER_DIGITS, segment, suffix);
}

static enum error_code check_directory(const char *dir, struct error *error)
{
    if (strlen(dir) <= DIRECTORY_MAX)
        return OK;
    return error_set(error, ERROR_INVALID, "%.100s...: the path is longer than %d bytes", dir, DIRECTORY_MAX);
}

static void put_u32(uint8_t *out, uint32_t value)
{
    value = htole32(value);
    memcpy(out, &value, sizeof(value));
}

static void put_u64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *in)
{
    uint32_t value;
    memcpy(&value, in, sizeof(value));
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t *in)
{
    uint64_t value;
    memcpy(&value, in, sizeof(value));
    return le64toh(value);
}

static uint64_t checksum(uint32_t type, const void *payload, size_t len)
{
    return XXH3_64bits_withSeed(payload, len, (uint64_t)type << 32 | (uint32_t)len);
}

/* --- segments --- */

static bool parse_name(const char *name, uint64_t *segment)
{
    struct str text = str_of(name);
    return text.len == NUMBER_DIGITS + strlen(SUFFIX) && str_ends(text, STR(SUFFIX)) &&
           str_to_u64(str_slice(text, 0, NUMBER_DIGITS), segment);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum error_code journal_list(const char *dir, uint64_t **segments, size_t *count, struct error *error)
{
    *segments = NULL;
    *count = 0;
    if (check_directory(dir, error) != OK)
        return error->code;
    DIR *opened = opendir(dir);
    if (!opened)
        return errno == ENOENT ? OK : error_set_errno(error, ERROR_IO, errno, "cannot read the directory %s", dir);
    void *found = NULL;
    size_t cap = 0;
    enum error_code code = OK;
    for (struct dirent *entry; code == OK && (entry = readdir(opened));) {
        uint64_t segment;
        if (!parse_name(entry->d_name, &segment))
            continue;
        if (mem_grow(&found, *count, &cap, sizeof(segment)))
            ((uint64_t *)found)[(*count)++] = segment;
        else
            code = error_no_memory(error);
    }
    (void)closedir(opened);
    if (code != OK) {
        mem_free(found);
        *count = 0;
        return code;
    }
    if (*count)
        qsort(found, *count, sizeof(uint64_t), compare_numbers);
    *segments = found;
    return OK;
}

static bool try_allocate(struct journal *journal, uint64_t len)
{
    if (io_fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, (off_t)journal->allocated, (off_t)len) == 0) {
        journal->allocated += len;
        return true;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        journal->can_allocate = false;
    return !journal->can_allocate;
}

/* Sets space aside from `allocated` on; true when there is enough for `needed` bytes of file. On a full disk some more
 * than needed is no longer asked for, then the reserve has to give. */
static bool allocate(struct journal *journal, uint64_t needed)
{
    if (needed <= journal->allocated || !journal->can_allocate)
        return true;
    const uint64_t missing = needed - journal->allocated;
    if (try_allocate(journal, missing + ALLOCATE_BYTES) || try_allocate(journal, missing))
        return true;
    while (disk_release())
        if (try_allocate(journal, missing))
            return true;
    return false;
}

/* Ends the file at `size`, which also gives back the space behind it. */
static bool cut(int fd, uint64_t size)
{
    return ftruncate(fd, (off_t)size) == 0;
}

/* An empty segment, not under the lock. */
struct segment_file {
    char path[JOURNAL_PATH_MAX];
    int fd;
    dev_t device;
    ino_t inode;
};

static bool write_header(struct segment_file *file)
{
    uint8_t header[SEGMENT_HEADER_LEN] = MAGIC;
    struct stat info;
    put_u32(header + MAGIC_LEN, VERSION);
    file->fd = io_openat(AT_FDCWD, file->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return false;
    if (io_write_all(file->fd, header, sizeof(header)) && fstat(file->fd, &info) == 0) {
        file->device = info.st_dev;
        file->inode = info.st_ino;
        return true;
    }
    const int os_errno = errno;
    close(file->fd);
    (void)unlink(file->path);
    errno = os_errno;
    return false;
}

static enum error_code create_segment(const char *dir, uint64_t segment, struct segment_file *file,
                                      struct error *error)
{
    segment_path(file->path, dir, segment, SUFFIX);
    while (!write_header(file)) {
        const int os_errno = errno;
        if (os_errno != ENOSPC || !disk_release())
            return error_set_errno(error, os_errno == ENOSPC ? ERROR_UNAVAILABLE : ERROR_IO, os_errno,
                                   "cannot write %s", file->path);
    }
    return OK;
}

static void take_segment(struct journal *journal, const struct segment_file *file, uint64_t segment)
{
    memcpy(journal->path, file->path, sizeof(journal->path));
    journal->fd = file->fd;
    journal->device = file->device;
    journal->inode = file->inode;
    journal->segment = segment;
    journal->size = journal->allocated = SEGMENT_HEADER_LEN;
    journal->is_broken = false;
}

/* The number after the last segment, and how many bytes are there already. */
static enum error_code look_around(const char *dir, uint64_t *number, uint64_t *bytes, struct error *error)
{
    uint64_t *segments;
    size_t count;
    enum error_code code = journal_list(dir, &segments, &count, error);
    if (code == OK)
        *number = count ? segments[count - 1] + 1 : 1;
    for (size_t i = 0; i < count; i++) {
        char path[JOURNAL_PATH_MAX];
        struct stat info;
        segment_path(path, dir, segments[i], SUFFIX);
        *bytes += stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    }
    mem_free(segments);
    return code;
}

/* Whether the segment is still where others will look for it: a file that was deleted takes records all the same. */
static bool is_in_place(const struct journal *journal)
{
    struct stat info;
    return stat(journal->path, &info) == 0 && info.st_dev == journal->device && info.st_ino == journal->inode;
}

/* What was let in before may end in a segment that was moved, but not in one that nobody will find. The path is looked
 * up once in LOOK_US only. Who is let in meanwhile costs no look at all: his end, and a record that stands alone, ask
 * the open file whether it still has a name. */
static bool may_take(struct journal *journal, int64_t promise)
{
    struct stat info;
    const uint64_t now_us = clock_now_us();
    if (promise >= 0 && now_us - journal->looked_us >= LOOK_US) {
        const bool is_there = is_in_place(journal);
        journal->looked_us = is_there ? now_us : 0;
        return is_there;
    }
    return promise > 0 || (fstat(journal->fd, &info) == 0 && info.st_nlink > 0);
}

static struct journal *new_journal(const char *dir, uint64_t limit_bytes)
{
    struct journal *journal = mem_calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&journal->mutex, NULL);
    pthread_cond_init(&journal->grown, &monotonic);
    pthread_condattr_destroy(&monotonic);
    (void)snprintf(journal->dir, sizeof(journal->dir), "%s", dir);
    journal->limit_bytes = limit_bytes;
    journal->fd = -1;
    journal->can_allocate = true;
    return journal;
}

enum error_code journal_open(const char *dir, uint64_t limit_bytes, struct journal **journal, struct error *error)
{
    if (check_directory(dir, error) != OK)
        return error->code;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make the directory %s", dir);
    struct journal *made = new_journal(dir, limit_bytes);
    if (!made)
        return error_no_memory(error);
    struct segment_file file;
    uint64_t segment = 0;
    enum error_code code = look_around(dir, &segment, &made->past_bytes, error);
    if (code == OK)
        code = create_segment(dir, segment, &file, error);
    if (code != OK) {
        journal_close(made);
        return code;
    }
    take_segment(made, &file, segment);
    *journal = made;
    return OK;
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0) {
        assert(journal->size >= SEGMENT_HEADER_LEN);
        (void)cut(journal->fd, journal->size);
        if (journal->size == SEGMENT_HEADER_LEN && is_in_place(journal))
            (void)unlink(journal->path);
        close(journal->fd);
    }
    pthread_cond_destroy(&journal->grown);
    pthread_mutex_destroy(&journal->mutex);
    mem_free(journal);
}

/* --- appending --- */

/* What a promise of `payload` bytes takes on the disk. */
static uint64_t promise_bytes(int64_t payload)
{
    uint64_t bytes = (uint64_t)(payload < 0 ? -payload : payload);
    return bytes ? bytes + RECORD_HEADER_LEN : 0;
}

static void settle_promise(struct journal *journal, int64_t promise)
{
    uint64_t bytes = promise_bytes(promise);
    if (promise > 0)
        journal->promised += bytes;
    else
        journal->promised -= bytes < journal->promised ? bytes : journal->promised;
}

static void wake(struct journal *journal)
{
    journal->is_woken = true;
    pthread_cond_signal(&journal->grown);
}

static enum error_code admit(struct journal *journal, size_t len, int64_t promise, struct error *error)
{
    if (!may_take(journal, promise)) { /* where the directory is there, the thread behind rolls to a segment that is */
        journal->is_broken = true;
        wake(journal);
        return error_set(error, promise > 0 ? ERROR_UNAVAILABLE : ERROR_IO,
                         "the journal's file %s was removed or replaced", journal->path);
    }
    uint64_t more = len + (promise > 0 ? promise_bytes(promise) : 0);
    if (promise >= 0 && journal->past_bytes + journal->size + journal->promised + more > journal->limit_bytes)
        return error_set(error, ERROR_UNAVAILABLE,
                         "the journal in %s has reached its limit of %" PRIu64 " bytes", journal->dir,
                         journal->limit_bytes);
    bool has_space = allocate(journal, journal->size + journal->promised + more);
    if (promise >= 0 && !has_space)
        return error_set(error, ERROR_UNAVAILABLE, "no space is left on the disk of %s", journal->dir);
    return OK;
}

/* One write(2): whole, or taken back. False: errno says why. */
static bool write_once(struct journal *journal, const uint8_t *bytes, size_t len)
{
    ssize_t written;
    do
        written = io_write(journal->fd, bytes, len);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)len) {
        journal->size += len;
        return true;
    }
    const int os_errno = written < 0 ? errno : ENOSPC;
    if (written > 0)
        journal->is_broken = !cut(journal->fd, journal->size);
    journal->allocated = journal->size;
    errno = os_errno;
    return false;
}

static enum error_code write_record(struct journal *journal, const uint8_t *bytes, size_t len, struct error *error)
{
    while (!journal->is_broken && !write_once(journal, bytes, len)) {
        const int os_errno = errno;
        if (os_errno == ENOSPC && disk_release())
            continue;
        return error_set_errno(error, ERROR_IO, os_errno, "cannot write the journal in %s", journal->dir);
    }
    return journal->is_broken ? error_set(error, ERROR_IO, "the journal in %s waits for a new segment after a failed "
                                          "write", journal->dir) : OK;
}

enum error_code journal_append(struct journal *journal, uint32_t type, struct str payload, int64_t promise,
                               struct error *error)
{
    uint8_t bytes[RECORD_HEADER_LEN + JOURNAL_RECORD_MAX];
    size_t len = RECORD_HEADER_LEN + payload.len;
    if (payload.len > JOURNAL_RECORD_MAX)
        return error_set(error, ERROR_TOO_LARGE, "a journal record has at most %d bytes", JOURNAL_RECORD_MAX);
    put_u32(bytes, (uint32_t)payload.len);
    put_u32(bytes + 4, type);
    put_u64(bytes + 8, checksum(type, payload.data, payload.len));
    if (payload.len)
        memcpy(bytes + RECORD_HEADER_LEN, payload.data, payload.len);
    pthread_mutex_lock(&journal->mutex);
    enum error_code code = admit(journal, len, promise, error);
    if (code == OK)
        code = write_record(journal, bytes, len, error);
    if (code == OK) {
        settle_promise(journal, promise);
        pthread_cond_signal(&journal->grown);
    } else if (promise > 0) {
        error->code = code = ERROR_UNAVAILABLE;
    }
    pthread_mutex_unlock(&journal->mutex);
    return code;
}

void journal_forgive(struct journal *journal, int64_t promise)
{
    pthread_mutex_lock(&journal->mutex);
    settle_promise(journal, -promise);
    pthread_mutex_unlock(&journal->mutex);
}

bool journal_is_in_place(struct journal *journal)
{
    pthread_mutex_lock(&journal->mutex);
    const bool is_there = is_in_place(journal);
    pthread_mutex_unlock(&journal->mutex);
    return is_there;
}

uint64_t journal_bytes(struct journal *journal)
{
    pthread_mutex_lock(&journal->mutex);
    uint64_t bytes = journal->past_bytes + journal->size;
    pthread_mutex_unlock(&journal->mutex);
    return bytes;
}

/* --- the thread behind --- */

void journal_wait(struct journal *journal, uint64_t segment, uint64_t offset, uint64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + timeout_ms * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&journal->mutex);
    while (!journal->is_woken && journal->segment == segment && journal->size <= offset) {
        if (pthread_cond_timedwait(&journal->grown, &journal->mutex, &until))
            break;
    }
    journal->is_woken = false;
    pthread_mutex_unlock(&journal->mutex);
}

void journal_wake(struct journal *journal)
{
    pthread_mutex_lock(&journal->mutex);
    wake(journal);
    pthread_mutex_unlock(&journal->mutex);
}

uint64_t journal_current(struct journal *journal)
{
    pthread_mutex_lock(&journal->mutex);
    uint64_t segment = journal->segment;
    pthread_mutex_unlock(&journal->mutex);
    return segment;
}

bool journal_is_due(struct journal *journal, uint64_t segment_bytes)
{
    pthread_mutex_lock(&journal->mutex);
    bool is_due = journal->is_broken || journal->size >= segment_bytes;
    pthread_mutex_unlock(&journal->mutex);
    return is_due;
}

/* The new file is made outside the lock: whoever appends waits for one write(2), never for this. */
enum error_code journal_roll(struct journal *journal, struct error *error)
{
    struct segment_file file;
    const uint64_t next = journal_current(journal) + 1;
    enum error_code code = create_segment(journal->dir, next, &file, error);
    if (code != OK)
        return code;
    pthread_mutex_lock(&journal->mutex);
    int old_fd = journal->fd;
    uint64_t old_size = journal->size;
    assert(journal->segment + 1 == next && journal->size >= SEGMENT_HEADER_LEN);
    journal->past_bytes += journal->size;
    take_segment(journal, &file, next);
    (void)allocate(journal, journal->size + journal->promised);
    pthread_mutex_unlock(&journal->mutex);
    (void)cut(old_fd, old_size);
    close(old_fd);
    return OK;
}

enum error_code journal_remove(struct journal *journal, uint64_t segment, bool is_damaged, struct error *error)
{
    char path[JOURNAL_PATH_MAX], aside[JOURNAL_PATH_MAX];
    struct stat info = {0};
    assert(segment < journal_current(journal));
    segment_path(path, journal->dir, segment, SUFFIX);
    segment_path(aside, journal->dir, segment, ".damaged");
    (void)stat(path, &info);
    const int failed = is_damaged ? io_renameat(AT_FDCWD, path, AT_FDCWD, aside) : io_unlinkat(AT_FDCWD, path, 0);
    if (failed && errno != ENOENT)
        return error_set_errno(error, ERROR_IO, errno, "cannot remove %s", path);
    uint64_t size = (uint64_t)info.st_size;
    pthread_mutex_lock(&journal->mutex);
    journal->past_bytes -= size < journal->past_bytes ? size : journal->past_bytes;
    pthread_mutex_unlock(&journal->mutex);
    return OK;
}

/* --- reading ------------------------------------------------------------------------------------------
 *
 * A reader and the writer share nothing but the file: no lock, no length, no word that says how far one may read. The
 * file's end is the only sign of what is written. That is enough, for a record becomes visible by one write(2), which
 * the kernel does whole, or in part when the disk is full or the process dies within it. So a reader asks at each
 * place: is there a header, and is there as much behind it as it says? Then the checksum decides whether this is a
 * record. If there is nothing at the place, the reader is at the end and asks again later. If there is less than the
 * header says, the record is torn. In the segment that is being written a torn record may still become whole, or be
 * taken back; in one that a later segment follows it never will, and never happened: whoever wrote it got no OK for it.
 *
 * A torn record that is taken back makes the place dangerous. The writer cuts the file where the record began, and the
 * next record, of another length, is written there. A reader that has read the torn bytes into its window holds a
 * header that is in no file any more; if it believed that header's length and fetched only what is missing behind it,
 * it would put two records together into one that never was, find the checksum wrong, and give a sound segment up as
 * damaged, with every line behind. Therefore what does not make a record is never built upon. The window is thrown
 * away, and the header is read again, with its length, from the file as it is now; only what is no record READ_AGAIN
 * times in a row is torn or damaged. For the same reason a reader keeps nothing of its window when it stops without a
 * record.
 *
 * Zeros where a header should be are no damage: file systems give space that was set aside and never filled as zeros
 * after a power failure. They are a torn end. Damaged is what has a header that no writer makes, or a payload that its
 * checksum does not fit. Behind it nothing can be trusted, not even where the next record begins, so the rest of the
 * segment is kept aside as NUMBER.damaged for people to look at; nothing is repaired by guessing.
 *
 * A segment is retired by whoever reads behind the writer, not here: when all of its records are where they belong, and
 * all older segments are gone. That order matters, since records of a later segment say how those of an earlier one
 * ended: were the later one gone first, a crash would leave requests without their ends. A reader that has a segment
 * open may go on after it was removed; its records are elsewhere by then, and whoever reads both must expect to meet
 * them twice, never not at all. For that one looks into the journal first and then into where records go. */

struct journal_reader {
    int fd;
    char path[JOURNAL_PATH_MAX];
    uint64_t offset;   /* in the file, behind the last record */
    size_t begin, end; /* what of the window is not read yet; window[begin] lies at `offset` */
    uint8_t window[WINDOW_BYTES];
};

enum error_code journal_reader_open(const char *dir, uint64_t segment, struct journal_reader **reader,
                                    struct error *error)
{
    struct journal_reader *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    segment_path(made->path, dir, segment, SUFFIX);
    made->fd = open(made->path, O_RDONLY | O_CLOEXEC);
    if (made->fd < 0) {
        enum error_code code = errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO;
        (void)error_set_errno(error, code, errno, "cannot open %s", made->path);
        mem_free(made);
        return code;
    }
    *reader = made;
    return OK;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (!reader)
        return;
    close(reader->fd);
    mem_free(reader);
}

uint64_t journal_reader_offset(const struct journal_reader *reader)
{
    return reader->offset;
}

void journal_reader_seek(struct journal_reader *reader, uint64_t offset)
{
    reader->offset = offset;
    reader->begin = reader->end = 0;
}

/* How many bytes there are from `offset` on, `wanted` at most; -1: *error is filled. */
static ssize_t fill(struct journal_reader *reader, size_t wanted, struct error *error)
{
    if (reader->end - reader->begin >= wanted)
        return (ssize_t)wanted;
    ssize_t got;
    do
        got = io_pread(reader->fd, reader->window, sizeof(reader->window), (off_t)reader->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        (void)error_set_errno(error, ERROR_IO, errno, "cannot read %s", reader->path);
        return -1;
    }
    reader->begin = 0;
    reader->end = (size_t)got;
    return got < (ssize_t)wanted ? got : (ssize_t)wanted;
}

static void advance(struct journal_reader *reader, size_t len)
{
    assert(reader->end - reader->begin >= len);
    reader->begin += len;
    reader->offset += len;
}

static enum journal_read short_read(ssize_t got)
{
    return got < 0 ? JOURNAL_FAILED : got == 0 ? JOURNAL_END : JOURNAL_TORN;
}

static enum journal_read read_segment_header(struct journal_reader *reader, struct error *error)
{
    ssize_t got = fill(reader, SEGMENT_HEADER_LEN, error);
    if (got < SEGMENT_HEADER_LEN)
        return short_read(got);
    const uint8_t *header = reader->window + reader->begin;
    if (memcmp(header, MAGIC, MAGIC_LEN) || get_u32(header + MAGIC_LEN) != VERSION)
        return JOURNAL_DAMAGED;
    advance(reader, SEGMENT_HEADER_LEN);
    return JOURNAL_RECORD;
}

/* Space that was written but never filled reads as zeros after a power failure. */
static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* The record at `offset`, by what the window has of it. What a failed write left behind the end may have been cut off
 * and written over since: a window that saw it is of no use any more. */
static enum journal_read read_record(struct journal_reader *reader, struct journal_record *record, struct error *error)
{
    ssize_t got = fill(reader, RECORD_HEADER_LEN, error);
    if (got < RECORD_HEADER_LEN)
        return short_read(got);
    const uint8_t *header = reader->window + reader->begin;
    size_t len = get_u32(header);
    if (is_zero(header, RECORD_HEADER_LEN))
        return JOURNAL_TORN;
    if (len > JOURNAL_RECORD_MAX || get_u32(header + 4) == 0)
        return JOURNAL_DAMAGED;
    if (reader->end - reader->begin < RECORD_HEADER_LEN + len)
        return JOURNAL_TORN;
    record->type = get_u32(header + 4);
    record->payload = (struct str){(const char *)header + RECORD_HEADER_LEN, len};
    if (get_u64(header + 8) != checksum(record->type, record->payload.data, len))
        return JOURNAL_DAMAGED;
    advance(reader, RECORD_HEADER_LEN + len);
    return JOURNAL_RECORD;
}

/* What is not a record is looked at again in the file as it is now: the writer may have been at this place. */
enum journal_read journal_reader_next(struct journal_reader *reader, struct journal_record *record,
                                      struct error *error)
{
    if (reader->offset == 0) {
        enum journal_read state = read_segment_header(reader, error);
        if (state != JOURNAL_RECORD)
            return state;
    }
    enum journal_read state = read_record(reader, record, error);
    for (int i = 0; i < READ_AGAIN && (state == JOURNAL_TORN || state == JOURNAL_DAMAGED); i++) {
        reader->begin = reader->end = 0;
        state = read_record(reader, record, error);
    }
    if (state != JOURNAL_RECORD)
        reader->begin = reader->end = 0;
    return state;
}
