/* rows.c - see rows.h: runs that fit into memory are sorted and written one behind the other, then merged. */
#include "advise/rows.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"

#define FAN_IN 48            /* runs that are merged at once */
#define READ_BYTES (24u << 10) /* that are read of a run at once; more than a row has */
#define RUNS_MAX 65536
#define HEAD_BYTES offsetof(struct row, blocks)
#define ROWS_IN_MEMORY (LIMIT_ADVISE_SORT_BYTES / HEAD_BYTES)

_Static_assert(READ_BYTES >= sizeof(struct row), "a row fits into what is read at once");

/* Rows one behind the other. */
struct run {
    uint64_t begin, end; /* in the file */
};

struct run_reader {
    uint64_t at, end;
    char *bytes; /* [READ_BYTES] */
    size_t len, used;
};

struct log_rows {
    int file, other;     /* runs that are there, and those being made of them */
    uint64_t len, other_len;
    struct run *runs;
    size_t run_count, run_cap;
    char *bytes;         /* [LIMIT_ADVISE_SORT_BYTES], rows that are not in a file yet */
    size_t used;
    uint32_t *places;    /* [ROWS_IN_MEMORY] where they are */
    size_t place_count;
    enum log_rows_order order;
    struct run_reader readers[FAN_IN + 1]; /* the last one is for log_rows_next */
    struct row current;
};

static size_t row_bytes(const struct row *row)
{
    return HEAD_BYTES + row->block_count * sizeof(struct row_block);
}

static int open_unnamed(void)
{
    char path[4096];
    if (!io_temporary_path("fulcrum-advise-XXXXXX", path, sizeof(path)))
        return -1;
    const int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

struct log_rows *log_rows_new(void)
{
    struct log_rows *rows = mem_calloc(1, sizeof(*rows));
    if (!rows)
        return NULL;
    rows->file = rows->other = -1;
    rows->bytes = mem_alloc(LIMIT_ADVISE_SORT_BYTES);
    rows->places = mem_alloc(ROWS_IN_MEMORY * sizeof(*rows->places));
    if (rows->bytes && rows->places)
        return rows;
    log_rows_free(rows);
    return NULL;
}

void log_rows_free(struct log_rows *rows)
{
    if (!rows)
        return;
    for (size_t i = 0; i <= FAN_IN; i++)
        mem_free(rows->readers[i].bytes);
    if (rows->file >= 0)
        (void)close(rows->file);
    if (rows->other >= 0)
        (void)close(rows->other);
    mem_free(rows->runs);
    mem_free(rows->bytes);
    mem_free(rows->places);
    mem_free(rows);
}

static enum error_code disk_fault(struct error *error)
{
    return error_set_errno(error, ERROR_IO, errno, "a temporary file for rows (TMPDIR says where)");
}

/* --- order ------------------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(enum log_rows_order order, const struct row *a, const struct row *b)
{
    const int first = order == ROWS_BY_KEY ? compare_numbers(a->key, b->key) : compare_numbers(a->time_us, b->time_us);
    return first ? first : compare_numbers(a->order, b->order);
}

static int compare_places(const void *a, const void *b, void *ctx)
{
    const struct log_rows *rows = ctx;
    const struct row *left = (const void *)(rows->bytes + *(const uint32_t *)a);
    const struct row *right = (const void *)(rows->bytes + *(const uint32_t *)b);
    return compare_rows(rows->order, left, right);
}

/* --- runs -------------------------------------------------------------------------------------------- */

static enum error_code add_run(struct log_rows *rows, uint64_t begin, uint64_t end, struct error *error)
{
    if (!mem_grow((void **)&rows->runs, rows->run_count, &rows->run_cap, sizeof(*rows->runs)))
        return error_no_memory(error);
    rows->runs[rows->run_count++] = (struct run){begin, end};
    return OK;
}

/* What is in memory, in the order it is kept in until all is there: as it came. */
static enum error_code flush(struct log_rows *rows, struct error *error)
{
    if (rows->place_count == 0)
        return OK;
    if (rows->file < 0 && (rows->file = open_unnamed()) < 0)
        return disk_fault(error);
    if (rows->run_count == RUNS_MAX)
        return error_set(error, ERROR_TOO_LARGE, "too many records: read them in parts");
    if (!io_write_at(rows->file, rows->bytes, rows->used, rows->len))
        return disk_fault(error);
    const uint64_t begin = rows->len;
    rows->len += rows->used;
    rows->used = rows->place_count = 0;
    return add_run(rows, begin, rows->len, error);
}

enum error_code log_rows_add(struct log_rows *rows, const struct row *row, struct error *error)
{
    const size_t bytes = row_bytes(row);
    assert(row->block_count <= LIMIT_ADVISE_BLOCKS);
    if (rows->used + bytes > LIMIT_ADVISE_SORT_BYTES) {
        const enum error_code code = flush(rows, error);
        if (code != OK)
            return code;
    }
    memcpy(rows->bytes + rows->used, row, bytes);
    rows->places[rows->place_count++] = (uint32_t)rows->used;
    rows->used += bytes;
    return OK;
}

static enum error_code reader_open(struct run_reader *reader, const struct run *run, struct error *error)
{
    if (!reader->bytes && !(reader->bytes = mem_alloc(READ_BYTES)))
        return error_no_memory(error);
    reader->at = run->begin;
    reader->end = run->end;
    reader->len = reader->used = 0;
    return OK;
}

/* NULL: the run is over, or *code. */
static const struct row *reader_peek(struct log_rows *rows, struct run_reader *reader, enum error_code *code,
                                     struct error *error)
{
    size_t left = reader->len - reader->used;
    const struct row *row = (const void *)(reader->bytes + reader->used);
    if ((left < HEAD_BYTES || left < row_bytes(row)) && reader->at < reader->end) {
        const uint64_t more = reader->end - reader->at;
        memmove(reader->bytes, reader->bytes + reader->used, left);
        const size_t take = more < READ_BYTES - left ? (size_t)more : READ_BYTES - left;
        if (!io_read_at(rows->file, reader->bytes + left, take, reader->at)) {
            *code = disk_fault(error);
            return NULL;
        }
        reader->at += take;
        reader->len = left + take;
        reader->used = 0;
        left = reader->len;
        row = (const void *)reader->bytes;
    }
    return left < HEAD_BYTES ? NULL : row;
}

/* Sorts each run in memory, into the other file. */
static enum error_code sort_run(struct log_rows *rows, const struct run *run, struct error *error)
{
    const size_t bytes = (size_t)(run->end - run->begin);
    if (!io_read_at(rows->file, rows->bytes, bytes, run->begin))
        return disk_fault(error);
    rows->place_count = 0;
    for (size_t at = 0; at < bytes; at += row_bytes((const void *)(rows->bytes + at)))
        rows->places[rows->place_count++] = (uint32_t)at;
    qsort_r(rows->places, rows->place_count, sizeof(*rows->places), compare_places, rows);
    char out[READ_BYTES];
    size_t used = 0;
    uint64_t to = run->begin;
    for (size_t i = 0; i < rows->place_count; i++) {
        const struct row *row = (const void *)(rows->bytes + rows->places[i]);
        if (used + row_bytes(row) > sizeof(out)) {
            if (!io_write_at(rows->other, out, used, to))
                return disk_fault(error);
            to += used;
            used = 0;
        }
        memcpy(out + used, row, row_bytes(row));
        used += row_bytes(row);
    }
    rows->place_count = 0;
    return used == 0 || io_write_at(rows->other, out, used, to) ? OK : disk_fault(error);
}

static void swap_files(struct log_rows *rows)
{
    const int file = rows->file;
    rows->file = rows->other;
    rows->other = file;
}

/* Rows behind those in `out` go on at *to of the other file. */
static enum error_code put(struct log_rows *rows, const struct row *row, uint64_t *to, struct error *error)
{
    if (rows->used + row_bytes(row) > LIMIT_ADVISE_SORT_BYTES) {
        if (!io_write_at(rows->other, rows->bytes, rows->used, *to))
            return disk_fault(error);
        *to += rows->used;
        rows->used = 0;
    }
    memcpy(rows->bytes + rows->used, row, row_bytes(row));
    rows->used += row_bytes(row);
    return OK;
}

/* `count` runs become one, in the other file from *to on. */
static enum error_code merge(struct log_rows *rows, const struct run *runs, size_t count, uint64_t *to,
                             struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++)
        code = reader_open(&rows->readers[i], &runs[i], error);
    rows->used = 0;
    while (code == OK) {
        const struct row *least = NULL;
        size_t which = 0;
        for (size_t i = 0; i < count && code == OK; i++) {
            const struct row *row = reader_peek(rows, &rows->readers[i], &code, error);
            if (row && (!least || compare_rows(rows->order, row, least) < 0)) {
                least = row;
                which = i;
            }
        }
        if (!least || code != OK)
            break;
        rows->readers[which].used += row_bytes(least);
        code = put(rows, least, to, error);
    }
    if (code == OK && rows->used > 0 && !io_write_at(rows->other, rows->bytes, rows->used, *to))
        code = disk_fault(error);
    *to += rows->used;
    rows->used = 0;
    return code;
}

static enum error_code merge_all(struct log_rows *rows, struct error *error)
{
    enum error_code code = OK;
    while (rows->run_count > 1 && code == OK) {
        uint64_t to = 0;
        size_t made = 0;
        for (size_t first = 0; first < rows->run_count && code == OK; first += FAN_IN) {
            const size_t count = rows->run_count - first < FAN_IN ? rows->run_count - first : FAN_IN;
            const uint64_t begin = to;
            code = merge(rows, &rows->runs[first], count, &to, error);
            rows->runs[made++] = (struct run){begin, to};
        }
        rows->run_count = made;
        swap_files(rows);
    }
    return code;
}

enum error_code log_rows_sort(struct log_rows *rows, enum log_rows_order order, struct error *error)
{
    rows->order = order;
    enum error_code code = flush(rows, error);
    if (code == OK && rows->run_count > 0 && rows->other < 0 && (rows->other = open_unnamed()) < 0)
        code = disk_fault(error);
    for (size_t i = 0; i < rows->run_count && code == OK; i++)
        code = sort_run(rows, &rows->runs[i], error);
    if (code == OK && rows->run_count > 0)
        swap_files(rows);
    if (code == OK)
        code = merge_all(rows, error);
    return code == OK ? log_rows_rewind(rows, error) : code;
}

enum error_code log_rows_rewind(struct log_rows *rows, struct error *error)
{
    static const struct run nothing;
    assert(rows->run_count <= 1);
    return reader_open(&rows->readers[FAN_IN], rows->run_count ? &rows->runs[0] : &nothing, error);
}

const struct row *log_rows_next(struct log_rows *rows, enum error_code *code, struct error *error)
{
    struct run_reader *reader = &rows->readers[FAN_IN];
    const struct row *row = reader_peek(rows, reader, code, error);
    if (!row)
        return NULL;
    memcpy(&rows->current, row, row_bytes(row));
    reader->used += row_bytes(row);
    return &rows->current;
}
