/* spool.c - files that wait, by place; how they are written and taken. How they are delivered is deliver.c's. See
 * spool.h. */
#include "invocations/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/condition.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"
#include "store/disk.h"

#define PATH_BYTES 4096
#define FIRST_RETRY_US UINT64_C(1000000)
#define REFUSED_US UINT64_C(60000000) /* that long /readyz speaks of what was lost */
#define CONDITION "invocation-logs"

struct place {
    struct place *next;
    struct str tenant, account, region, bucket, prefix; /* in its arena */
    struct arena arena;
    const struct settings *settings; /* of the batch that is open; NULL: none is */
    uint64_t number, bytes, since_us; /* of it */
    struct spool_file *first, *last;  /* closed ones, by number */
    uint64_t waiting_bytes;           /* of all its files */
    size_t files;
    unsigned failures; /* in a row */
    uint64_t next_try_us;
    char why[ERROR_MESSAGE_MAX]; /* of the last failure */
};

struct spool {
    char path[PATH_BYTES];
    int dir;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t is_due;
    struct place *places;
    _Atomic uint64_t bytes; /* read without the mutex */
    uint64_t next_number, refused_us, end_by_us;
    size_t files, failing;
    bool is_ending, is_refusing;
    char refusal[ERROR_MESSAGE_MAX];
};

/* --- what /readyz says ------------------------------------------------------------------------------ */

static const struct place *find_failing(const struct spool *spool)
{
    const struct place *place = spool->places;
    while (place && place->failures == 0)
        place = place->next;
    return place;
}

/* The mutex is held. */
static void tell(struct spool *spool)
{
    const struct place *failing = find_failing(spool);
    if (spool->is_refusing)
        condition_set(CONDITION, CONDITION_NOTE, "records are lost: %s", spool->refusal);
    else if (failing)
        condition_set(CONDITION, CONDITION_NOTE, "destinations that take no records: %zu; bucket " STR_FMT ": %s",
                      spool->failing, STR_ARG(failing->bucket), failing->why);
    else
        condition_clear(CONDITION);
}

static void refuse(struct spool *spool, const char *why)
{
    spool->refused_us = clock_now_us();
    if (spool->is_refusing)
        return;
    spool->is_refusing = true;
    snprintf(spool->refusal, sizeof(spool->refusal), "%s", why);
    tell(spool);
}

static void accept_again(struct spool *spool)
{
    if (!spool->is_refusing)
        return;
    spool->is_refusing = false;
    tell(spool);
}

/* --- places: the mutex is held ---------------------------------------------------------------------- */

static void free_place(struct place *place)
{
    if (!place)
        return;
    for (struct spool_file *file = place->first, *next; file; file = next) {
        next = file->next;
        mem_free(file);
    }
    settings_release(place->settings);
    arena_deinit(&place->arena);
    mem_free(place);
}

static bool is_place(const struct place *place, const struct spool_header *header)
{
    return str_eq(place->tenant, header->tenant) && str_eq(place->bucket, header->bucket) &&
           str_eq(place->region, header->region) && str_eq(place->prefix, header->prefix) &&
           str_eq(place->account, header->account);
}

static struct place *new_place(struct spool *spool, const struct spool_header *header)
{
    struct place *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    arena_init(&made->arena, 0);
    if (arena_str(&made->arena, header->tenant, &made->tenant) &&
        arena_str(&made->arena, header->account, &made->account) &&
        arena_str(&made->arena, header->region, &made->region) &&
        arena_str(&made->arena, header->bucket, &made->bucket) &&
        arena_str(&made->arena, header->prefix, &made->prefix)) {
        made->next = spool->places;
        spool->places = made;
        return made;
    }
    free_place(made);
    return NULL;
}

/* Made where it is missing; NULL: no memory. */
static struct place *find_place(struct spool *spool, const struct spool_header *header)
{
    for (struct place *place = spool->places; place; place = place->next)
        if (is_place(place, header))
            return place;
    return new_place(spool, header);
}

static struct spool_header header_of(const struct settings *settings)
{
    return (struct spool_header){settings->tenant, settings->account, settings->region, settings->bucket,
                                 settings->prefix, {NULL, 0}};
}

/* Those without files are nobody's. */
static void forget_places(struct spool *spool)
{
    struct place **at = &spool->places;
    while (*at) {
        struct place *place = *at;
        if (place->files > 0 || place->settings) {
            at = &place->next;
            continue;
        }
        *at = place->next;
        free_place(place);
    }
}

static uint64_t bytes_of_tenant(const struct spool *spool, struct str tenant)
{
    uint64_t sum = 0;
    for (const struct place *place = spool->places; place; place = place->next)
        if (str_eq(place->tenant, tenant))
            sum += place->waiting_bytes;
    return sum;
}

static void count_bytes(struct spool *spool, struct place *place, uint64_t bytes)
{
    place->waiting_bytes += bytes;
    spool->bytes += bytes;
}

static void count_file(struct spool *spool, struct place *place, uint64_t bytes)
{
    place->files++;
    spool->files++;
    count_bytes(spool, place, bytes);
}

static enum error_code admit(struct spool *spool, struct str tenant, uint64_t bytes, struct error *error)
{
    if (spool->bytes + bytes > limit(invocation_log_spool_bytes) || spool->files >= LIMIT_INVOCATION_FILES)
        return error_set(error, ERROR_UNAVAILABLE, "too much waits to be delivered (invocation_log_spool_bytes)");
    if (bytes_of_tenant(spool, tenant) + bytes > limit(invocation_log_tenant_bytes))
        return error_set(error, ERROR_UNAVAILABLE, "too much of one tenant waits (invocation_log_tenant_bytes)");
    return disk_admit(bytes, error);
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* The file is closed from here on, and waits. */
static bool add_closed(struct spool *spool, struct place *place, uint64_t number, uint64_t bytes, bool is_body)
{
    struct spool_file *file = mem_calloc(1, sizeof(*file));
    if (!file)
        return false;
    *file = (struct spool_file){.place = place, .number = number, .bytes = bytes, .is_body = is_body};
    *(place->last ? &place->last->next : &place->first) = file;
    place->last = file;
    pthread_cond_signal(&spool->is_due);
    return true;
}

/* Without memory it stays open for a later try. */
static bool close_batch(struct spool *spool, struct place *place)
{
    if (!add_closed(spool, place, place->number, place->bytes, false))
        return false;
    settings_release(place->settings);
    place->settings = NULL;
    return true;
}

static enum error_code open_batch(struct spool *spool, struct place *place, const struct settings *settings,
                                  uint64_t now_us, struct error *error)
{
    char name[SPOOL_NAME_BYTES];
    struct buf key, header;
    buf_init(&key, SPOOL_HEADER_MAX);
    buf_init(&header, SPOOL_HEADER_MAX);
    const bool is_whole =
        spool_append_batch_key(&key, settings) && spool_append_header(&header, settings, buf_str(&key));
    spool_file_name(name, spool->next_number, spool_file_kind(false));
    enum error_code code =
        is_whole ? spool_append_file(spool->dir, name, O_CREAT | O_TRUNC, 0, buf_str(&header), STR(""), error)
                 : error_no_memory(error);
    if (code == OK) {
        place->number = spool->next_number++;
        place->bytes = header.len;
        place->since_us = now_us;
        place->settings = settings;
        atomic_fetch_add(&((struct settings *)settings)->holders, 1);
        count_file(spool, place, header.len);
    }
    buf_deinit(&key);
    buf_deinit(&header);
    return code;
}

static enum error_code add_line(struct spool *spool, const struct settings *settings, struct str line,
                                struct error *error)
{
    char name[SPOOL_NAME_BYTES];
    const struct spool_header header = header_of(settings);
    struct place *place = find_place(spool, &header);
    if (!place)
        return error_no_memory(error);
    enum error_code code = admit(spool, settings->tenant, line.len, error);
    if (code != OK)
        return code;
    const bool is_other = place->settings && place->bytes + line.len > limit(invocation_log_batch_bytes);
    if (is_other && !close_batch(spool, place))
        return error_no_memory(error);
    if (!place->settings)
        code = open_batch(spool, place, settings, clock_now_us(), error);
    if (code != OK)
        return code;
    spool_file_name(name, place->number, spool_file_kind(false));
    code = spool_append_file(spool->dir, name, 0, place->bytes, line, STR(""), error);
    if (code != OK)
        return code;
    place->bytes += line.len;
    count_bytes(spool, place, line.len);
    return OK;
}

enum error_code spool_add(struct spool *spool, const struct settings *settings, struct str line, struct error *error)
{
    pthread_mutex_lock(&spool->mutex);
    const enum error_code code = add_line(spool, settings, line, error);
    if (code == OK)
        accept_again(spool);
    else
        refuse(spool, error->message);
    forget_places(spool);
    pthread_mutex_unlock(&spool->mutex);
    return code;
}

/* The bytes are written without the mutex: a body may be large. */
static enum error_code write_body(struct spool *spool, uint64_t number, struct str header, struct str body,
                                  struct error *error)
{
    char name[SPOOL_NAME_BYTES], whole[SPOOL_NAME_BYTES];
    spool_file_name(name, number, "new");
    spool_file_name(whole, number, spool_file_kind(true));
    enum error_code code = spool_append_file(spool->dir, name, O_CREAT | O_TRUNC, 0, header, body, error);
    if (code == OK && io_renameat(spool->dir, name, spool->dir, whole) != 0)
        code = spool_cannot_write(whole, error);
    if (code != OK)
        (void)io_unlinkat(spool->dir, name, 0);
    return code;
}

static enum error_code add_body(struct spool *spool, const struct settings *settings, struct str key, struct str body,
                                struct error *error)
{
    struct buf header;
    buf_init(&header, SPOOL_HEADER_MAX);
    const uint64_t bytes = body.len + SPOOL_HEADER_MAX;
    pthread_mutex_lock(&spool->mutex);
    enum error_code code = admit(spool, settings->tenant, bytes, error);
    const uint64_t number = spool->next_number++;
    pthread_mutex_unlock(&spool->mutex);
    if (code == OK && !spool_append_header(&header, settings, key))
        code = error_no_memory(error);
    if (code == OK)
        code = write_body(spool, number, buf_str(&header), body, error);
    if (code != OK) {
        buf_deinit(&header);
        return code;
    }
    pthread_mutex_lock(&spool->mutex);
    const struct spool_header place_of = header_of(settings);
    struct place *place = find_place(spool, &place_of);
    if (place && add_closed(spool, place, number, body.len + header.len, true)) {
        count_file(spool, place, body.len + header.len);
    } else {
        char name[SPOOL_NAME_BYTES];
        spool_file_name(name, number, spool_file_kind(true));
        (void)io_unlinkat(spool->dir, name, 0);
        code = error_no_memory(error);
    }
    pthread_mutex_unlock(&spool->mutex);
    buf_deinit(&header);
    return code;
}

enum error_code spool_add_body(struct spool *spool, const struct settings *settings, uint64_t wall_us, struct str name,
                               struct str body, struct buf *uri, struct error *error)
{
    struct buf key;
    buf_init(&key, SPOOL_HEADER_MAX);
    enum error_code code = spool_append_body_key(&key, settings, wall_us, name)
                               ? add_body(spool, settings, buf_str(&key), body, error)
                               : error_no_memory(error);
    if (code == OK) {
        buf_append_text(uri, "s3://");
        buf_append_str(uri, settings->bucket);
        buf_append_char(uri, '/');
        buf_append_str(uri, buf_str(&key));
    }
    buf_deinit(&key);
    return code;
}

/* A place that takes nothing gets its records in few large objects later. */
static bool is_batch_due(const struct place *place, uint64_t now_us, uint64_t *due_us)
{
    *due_us = place->since_us + limit(invocation_log_flush_ms) * 1000;
    if (atomic_load(&place->settings->is_over))
        return true;
    if (place->failures > 0 && *due_us < place->next_try_us)
        *due_us = place->next_try_us;
    return *due_us <= now_us;
}

uint64_t spool_tend(struct spool *spool, uint64_t now_us)
{
    uint64_t wait_us = UINT64_MAX, due_us;
    pthread_mutex_lock(&spool->mutex);
    for (struct place *place = spool->places; place; place = place->next) {
        if (!place->settings || (is_batch_due(place, now_us, &due_us) && close_batch(spool, place)))
            continue;
        const uint64_t left_us = due_us > now_us ? due_us - now_us : FIRST_RETRY_US;
        wait_us = left_us < wait_us ? left_us : wait_us;
    }
    if (spool->is_refusing && now_us >= spool->refused_us + REFUSED_US)
        accept_again(spool); /* nothing came since */
    if (spool->is_refusing && REFUSED_US < wait_us)
        wait_us = REFUSED_US;
    pthread_mutex_unlock(&spool->mutex);
    return wait_us;
}

void spool_end(struct spool *spool)
{
    pthread_mutex_lock(&spool->mutex);
    for (struct place *place = spool->places; place; place = place->next)
        if (place->settings)
            (void)close_batch(spool, place);
    spool->is_ending = true;
    spool->end_by_us = clock_now_us() + LIMIT_INVOCATION_CLOSE_MS * UINT64_C(1000);
    pthread_cond_signal(&spool->is_due);
    pthread_mutex_unlock(&spool->mutex);
}

/* --- taking ----------------------------------------------------------------------------------------- */

/* The place whose first file is due and oldest; NULL: none, and *due_us says when one will be. At the end, those that
 * fail are left to the next start. */
static struct place *find_due(const struct spool *spool, uint64_t now_us, uint64_t *due_us)
{
    struct place *best = NULL;
    *due_us = UINT64_MAX;
    if (spool->is_ending && now_us > spool->end_by_us)
        return NULL;
    for (struct place *place = spool->places; place; place = place->next) {
        const bool is_due = spool->is_ending ? place->failures == 0 : place->next_try_us <= now_us;
        if (place->first && is_due && (!best || place->first->number < best->first->number))
            best = place;
        if (place->first && !is_due && place->next_try_us < *due_us)
            *due_us = place->next_try_us;
    }
    return best;
}

static void wait_until(struct spool *spool, uint64_t due_us)
{
    if (due_us == UINT64_MAX) {
        pthread_cond_wait(&spool->is_due, &spool->mutex);
        return;
    }
    const struct timespec at = {.tv_sec = (time_t)(due_us / 1000000), .tv_nsec = (long)(due_us % 1000000) * 1000};
    (void)pthread_cond_timedwait(&spool->is_due, &spool->mutex, &at);
}

bool spool_take(struct spool *spool, struct spool_file **file)
{
    struct place *place;
    uint64_t due_us;
    pthread_mutex_lock(&spool->mutex);
    while (!(place = find_due(spool, clock_now_us(), &due_us)) && !spool->is_ending)
        wait_until(spool, due_us);
    if (place) {
        *file = place->first;
        place->first = place->first->next;
        if (!place->first)
            place->last = NULL;
    }
    pthread_mutex_unlock(&spool->mutex);
    return place != NULL;
}

static void remove_file(struct spool *spool, struct spool_file *file)
{
    char name[SPOOL_NAME_BYTES];
    struct place *place = file->place;
    spool_file_name(name, file->number, spool_file_kind(file->is_body));
    if (io_unlinkat(spool->dir, name, 0) != 0 && errno != ENOENT)
        log_event(LOG_ERROR, "a delivered file cannot be removed", LOG_C("file", name),
                  LOG_C("error", strerror(errno)));
    place->waiting_bytes -= file->bytes;
    spool->bytes -= file->bytes;
    place->files--;
    spool->files--;
    mem_free(file);
}

static void works_again(struct spool *spool, struct place *place)
{
    if (place->failures == 0)
        return;
    place->failures = 0;
    place->next_try_us = 0;
    spool->failing--;
    tell(spool);
}

void spool_delivered(struct spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->mutex);
    works_again(spool, file->place);
    remove_file(spool, file);
    forget_places(spool);
    pthread_mutex_unlock(&spool->mutex);
}

void spool_drop(struct spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->mutex);
    struct place *place = file->place;
    remove_file(spool, file);
    if (place->files == 0)
        works_again(spool, place);
    forget_places(spool);
    pthread_mutex_unlock(&spool->mutex);
}

void spool_failed(struct spool *spool, struct spool_file *file, const char *why)
{
    struct place *place = file->place;
    pthread_mutex_lock(&spool->mutex);
    file->next = place->first;
    place->first = file;
    place->last = place->last ? place->last : file;
    const uint64_t most_us = limit(invocation_log_retry_ms) * 1000;
    uint64_t wait_us = FIRST_RETRY_US;
    for (unsigned i = 0; i < place->failures && wait_us < most_us; i++)
        wait_us *= 2;
    place->next_try_us = clock_now_us() + (wait_us < most_us ? wait_us : most_us);
    spool->failing += place->failures++ == 0;
    snprintf(place->why, sizeof(place->why), "%s", why);
    tell(spool);
    pthread_mutex_unlock(&spool->mutex);
}

void spool_retry(struct spool *spool, struct str tenant)
{
    pthread_mutex_lock(&spool->mutex);
    for (struct place *place = spool->places; place; place = place->next)
        if (str_eq(place->tenant, tenant))
            place->next_try_us = 0;
    pthread_cond_signal(&spool->is_due);
    pthread_mutex_unlock(&spool->mutex);
}

uint64_t spool_bytes(const struct spool *spool)
{
    return atomic_load(&spool->bytes);
}

void spool_scratch(const struct spool *spool, const struct spool_file *file, char *path, size_t cap)
{
    char name[SPOOL_NAME_BYTES];
    spool_file_name(name, file->number, "gz");
    (void)snprintf(path, cap, "%s/%s", spool->path, name);
}

enum error_code spool_read(struct spool *spool, const struct spool_file *file, struct arena *arena,
                           struct spool_header *header, int *fd, uint64_t *offset, struct error *error)
{
    char name[SPOOL_NAME_BYTES];
    spool_file_name(name, file->number, spool_file_kind(file->is_body));
    *fd = io_openat(spool->dir, name, O_RDONLY | O_CLOEXEC, 0);
    if (*fd < 0)
        return error_set_errno(error, errno == ENOENT ? ERROR_INVALID : ERROR_IO, errno, "cannot open %s", name);
    enum error_code code = spool_read_header(*fd, arena, header, offset, error);
    if (code != OK) {
        close(*fd);
        *fd = -1;
    }
    return code;
}

/* --- opening ---------------------------------------------------------------------------------------- */

/* False: there is nothing in the file that could be delivered. */
static bool find_left(struct spool *spool, const char *name, uint64_t number, bool is_body)
{
    struct arena arena;
    struct error error;
    struct spool_header header = {0};
    struct stat info;
    uint64_t offset = 0, size = 0;
    const int fd = io_openat(spool->dir, name, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &info) != 0) {
        if (fd >= 0)
            close(fd);
        return true; /* for another start */
    }
    arena_init(&arena, 0);
    const enum error_code code = spool_read_header(fd, &arena, &header, &offset, &error);
    if (code == OK)
        size = is_body ? (uint64_t)info.st_size : spool_trim(fd, (uint64_t)info.st_size);
    struct place *place = size > offset ? find_place(spool, &header) : NULL;
    if (place && add_closed(spool, place, number, size, is_body))
        count_file(spool, place, size);
    close(fd);
    arena_deinit(&arena);
    return code == OK ? size > offset : code != ERROR_INVALID;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* What an earlier process left, oldest first. */
static void find_all_left(struct spool *spool)
{
    struct dirent **entries = NULL;
    const int count = scandir(spool->path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *end;
        const uint64_t number = strtoull(name, &end, 16);
        const bool is_own = end == name + 16 && *end == '.', is_body = strcmp(end, ".body") == 0;
        if (is_own && number >= spool->next_number)
            spool->next_number = number + 1;
        if (is_own && !((is_body || strcmp(end, ".records") == 0) && find_left(spool, name, number, is_body)))
            (void)io_unlinkat(spool->dir, name, 0);
        free(entries[i]); /* lint: allow(memory) scandir's own */
    }
    free(entries); /* lint: allow(memory) scandir's own */
}

static enum error_code open_folder(struct spool *spool, const char *data, struct error *error)
{
    const int len = snprintf(spool->path, sizeof(spool->path), "%s/" SPOOL_FOLDER, data);
    if (len < 0 || (size_t)len >= sizeof(spool->path) - SPOOL_NAME_BYTES)
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    if (mkdir(spool->path, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_IO, errno, "cannot make %s", spool->path);
    spool->dir = open(spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return spool->dir >= 0 ? OK : error_set_errno(error, ERROR_IO, errno, "cannot open %s", spool->path);
}

enum error_code spool_open(const char *data, struct spool **spool, struct error *error)
{
    pthread_condattr_t monotonic;
    struct spool *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->dir = -1;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->is_due, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const enum error_code code = open_folder(made, data, error);
    if (code != OK) {
        spool_close(made);
        return code;
    }
    find_all_left(made);
    *spool = made;
    return OK;
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    for (struct place *place = spool->places, *next; place; place = next) {
        next = place->next;
        free_place(place);
    }
    if (spool->dir >= 0)
        close(spool->dir);
    condition_clear(CONDITION);
    pthread_cond_destroy(&spool->is_due);
    pthread_mutex_destroy(&spool->mutex);
    mem_free(spool);
}
