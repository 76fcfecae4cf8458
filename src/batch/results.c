/* results.c - see results.h. DIR/results.FENCE is
 *
 *   "fulcrum results\n", u32 version (1), u32 zero, then records:
 *   u32 length of the payload, u32 zero, u64 XXH3 of the payload, payload
 *
 * A payload is u64 number, input tokens and output tokens, u8 is_error, u8
 * version of the payload (0), u16 zero, u32 length of the ledger's line, the
 * line, which has a version of its own, and the outcome. DIR/slots.FENCE
 * has a u64 per record: where its result begins in the log, 0 for none.
 * Integers are little-endian. */
#include "batch/results.h"

#define XXH_STATIC_LINKING_ONLY /* for a state on the stack */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "batch/fenced.h"
#include "batch/files.h"
#include "core/io.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/disk.h"

#define MAGIC "fulcrum results\n"
#define MAGIC_LEN 16
#define HEADER_LEN 24
#define RECORD_HEADER_LEN 16
#define FIXED_LEN 32
#define PAYLOAD_MAX (256u << 20)
#define VERSION 1
#define PAYLOAD_VERSION 0
#define VERSION_AT 25 /* in the payload */
#define PATH_BYTES 4096
#define LOG_NAME "results"
#define SLOTS_NAME "slots"

struct results {
    char log_path[PATH_BYTES], slots_path[PATH_BYTES];
    int log_fd, slots_fd;
    uint64_t total;
    uint64_t size; /* of the log */
    uint64_t last; /* where its last record begins; 0: there is none */
    bool is_torn;  /* a write that failed left bytes behind `size` */
};

static void put_u32(uint8_t *out, uint32_t value)
{
    value = htole32(value);
    memcpy(out, &value, 4);
}

static void put_u64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, 8);
}

static uint32_t get_u32(const char *in)
{
    uint32_t value;
    memcpy(&value, in, 4);
    return le32toh(value);
}

static uint64_t get_u64(const char *in)
{
    uint64_t value;
    memcpy(&value, in, 8);
    return le64toh(value);
}

static bool decode(struct str payload, uint64_t total, struct result *result)
{
    if (payload.len < FIXED_LEN)
        return false;
    *result = (struct result){
        .number = get_u64(payload.data),
        .input_tokens = get_u64(payload.data + 8),
        .output_tokens = get_u64(payload.data + 16),
        .is_error = payload.data[24] != 0,
    };
    uint32_t line_len = get_u32(payload.data + 28);
    if (line_len > payload.len - FIXED_LEN || result->number >= total)
        return false;
    result->line = str_slice(payload, FIXED_LEN, FIXED_LEN + line_len);
    result->outcome = str_slice(payload, FIXED_LEN + line_len, payload.len);
    return true;
}

/* The record at `offset`; *is_whole false: there is none that is whole. */
static enum error_code read_record(struct results *results, uint64_t offset, uint64_t end, struct buf *buf,
                                   struct result *result, bool *is_whole, struct error *error)
{
    char header[RECORD_HEADER_LEN];
    *is_whole = false;
    if (end - offset < RECORD_HEADER_LEN)
        return OK;
    enum error_code code = file_read_at(results->log_fd, header, sizeof(header), offset, results->log_path, error);
    if (code != OK)
        return code;
    uint32_t len = get_u32(header);
    if (len > PAYLOAD_MAX || len > end - offset - RECORD_HEADER_LEN)
        return OK;
    buf_clear(buf);
    if (!buf_reserve(buf, len))
        return error_no_memory(error);
    code = file_read_at(results->log_fd, buf->data, len, offset + RECORD_HEADER_LEN, results->log_path, error);
    if (code != OK)
        return code;
    buf->len = len;
    const bool is_sealed = XXH3_64bits(buf->data, len) == get_u64(header + 8);
    if (is_sealed && len >= FIXED_LEN && buf->data[VERSION_AT] != PAYLOAD_VERSION)
        return error_set(error, ERROR_INVALID, "a later version of this program wrote %s; start that one",
                         results->log_path);
    *is_whole = is_sealed && decode(buf_str(buf), results->total, result);
    return OK;
}

static enum error_code set_slot(struct results *results, uint64_t number, uint64_t offset, struct error *error)
{
    uint64_t slot = htole64(offset);
    if (io_write_at(results->slots_fd, &slot, sizeof(slot), number * sizeof(slot)))
        return OK;
    return error_set_errno(error, errno == ENOSPC || errno == EFBIG ? ERROR_UNAVAILABLE : ERROR_IO, errno,
                           "cannot write %s", results->slots_path);
}

static enum error_code get_slot(struct results *results, uint64_t number, uint64_t *offset, struct error *error)
{
    uint64_t slot;
    enum error_code code = file_read_at(results->slots_fd, &slot, sizeof(slot), number * sizeof(slot),
                                        results->slots_path, error);
    *offset = code == OK ? le64toh(slot) : 0;
    return code;
}

/* --- opening ---------------------------------------------------------------------------------------- */

/* Of "error":{"errorCode": ..., "errorMessage": "..."}; what can't be read, for want of memory, is not told. */
static void keep_error(struct batch_counts *counts, const struct result *result)
{
    struct batch_error *kept = &counts->firsts[counts->first_count];
    struct buf text;
    yyjson_doc *doc = NULL;
    struct error ignored;
    buf_init(&text, result->outcome.len + 2);
    buf_append_char(&text, '{');
    buf_append_str(&text, result->outcome);
    if (buf_append_char(&text, '}') && json_parse(buf_str(&text), &doc, &ignored) == OK) {
        yyjson_val *error = yyjson_obj_get(yyjson_doc_get_root(doc), "error");
        const struct str message = json_str(yyjson_obj_get(error, "errorMessage"));
        struct str head = str_slice(message, 0, BATCH_ERROR_TEXT - 1);
        head.len = str_utf8_valid_len(head); /* nothing but a whole character less */
        *kept = (struct batch_error){.number = result->number,
                                     .code = (unsigned)yyjson_get_uint(yyjson_obj_get(error, "errorCode"))};
        (void)snprintf(kept->message, sizeof(kept->message), STR_FMT, STR_ARG(head));
        counts->first_count++;
    }
    json_free(doc);
    buf_deinit(&text);
}

void results_count(struct batch_counts *counts, const struct result *result)
{
    counts->success += !result->is_error;
    counts->errors += result->is_error;
    counts->input_tokens += result->input_tokens;
    counts->output_tokens += result->output_tokens;
    if (result->is_error && counts->first_count < BATCH_FIRST_ERRORS)
        keep_error(counts, result);
}

static enum error_code scan(struct results *results, uint64_t end, struct batch_counts *counts, struct error *error)
{
    struct buf buf;
    struct result result;
    bool is_whole = true;
    enum error_code code = OK;
    buf_init(&buf, PAYLOAD_MAX);
    while (code == OK && is_whole && results->size < end) {
        code = read_record(results, results->size, end, &buf, &result, &is_whole, error);
        if (code != OK || !is_whole)
            break;
        code = set_slot(results, result.number, results->size, error);
        results_count(counts, &result);
        results->last = results->size;
        results->size += RECORD_HEADER_LEN + buf.len;
    }
    buf_deinit(&buf);
    if (code == OK && results->size < end) {
        log_event(LOG_WARN, "batch results end within a record, cut off", LOG_C("file", results->log_path),
                  LOG_I("offset", results->size));
        if (ftruncate(results->log_fd, (off_t)results->size))
            code = error_set_errno(error, ERROR_IO, errno, "cannot cut %s", results->log_path);
    }
    return code;
}

static enum error_code begin_log(struct results *results, struct error *error)
{
    uint8_t header[HEADER_LEN] = MAGIC;
    put_u32(header + MAGIC_LEN, VERSION);
    if (ftruncate(results->log_fd, 0))
        return error_set_errno(error, ERROR_IO, errno, "cannot cut %s", results->log_path);
    results->size = HEADER_LEN;
    return file_write(results->log_fd, header, sizeof(header), results->log_path, error);
}

static enum error_code read_log(struct results *results, struct batch_counts *counts, struct error *error)
{
    struct stat info;
    char header[HEADER_LEN];
    if (fstat(results->log_fd, &info))
        return error_set_errno(error, ERROR_IO, errno, "cannot read %s", results->log_path);
    if ((uint64_t)info.st_size < HEADER_LEN)
        return begin_log(results, error);
    enum error_code code = file_read_at(results->log_fd, header, sizeof(header), 0, results->log_path, error);
    if (code != OK)
        return code;
    if (memcmp(header, MAGIC, MAGIC_LEN) != 0 || get_u32(header + MAGIC_LEN) != VERSION)
        return error_set(error, ERROR_INVALID, "%s is no log of results of this version", results->log_path);
    results->size = HEADER_LEN;
    return scan(results, (uint64_t)info.st_size, counts, error);
}

/* All at once, so that no result that is in the log stays without its slot on a full disk. */
static enum error_code size_slots(struct results *results, struct error *error)
{
    off_t size = (off_t)(results->total * sizeof(uint64_t));
    if (size == 0 || fallocate(results->slots_fd, 0, 0, size) == 0)
        return OK;
    bool can_allocate = errno != EOPNOTSUPP && errno != ENOSYS;
    if (!can_allocate && ftruncate(results->slots_fd, size) == 0)
        return OK;
    return file_fail("size", results->slots_path, errno, error);
}

static enum error_code open_files(struct results *results, const char *dir, uint64_t fence,
                                  struct batch_counts *counts, struct error *error)
{
    enum error_code code = fenced_path(dir, LOG_NAME, fence, results->log_path, PATH_BYTES, error);
    if (code == OK)
        code = fenced_path(dir, SLOTS_NAME, fence, results->slots_path, PATH_BYTES, error);
    if (code == OK)
        code = fenced_take(dir, LOG_NAME, fence, &results->log_fd, error);
    if (code == OK)
        code = file_open(results->slots_path, O_RDWR | O_CREAT | O_TRUNC, &results->slots_fd, error);
    if (code == OK)
        code = size_slots(results, error);
    return code == OK ? read_log(results, counts, error) : code;
}

enum error_code results_open(const char *dir, uint64_t fence, uint64_t total, struct results **results,
                             struct batch_counts *counts, struct error *error)
{
    struct results *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->log_fd = made->slots_fd = -1;
    made->total = total;
    enum error_code code = open_files(made, dir, fence, counts, error);
    if (code != OK) {
        results_close(made);
        return code;
    }
    fenced_sweep(dir, LOG_NAME, fence);
    fenced_sweep(dir, SLOTS_NAME, fence);
    *results = made;
    return OK;
}

void results_close(struct results *results)
{
    if (!results)
        return;
    if (results->log_fd >= 0)
        close(results->log_fd);
    if (results->slots_fd >= 0)
        close(results->slots_fd);
    mem_free(results);
}

/* --- appending and reading -------------------------------------------------------------------------- */

/* One write(2), whole or taken back. */
static enum error_code write_record(struct results *results, struct iovec *parts, int part_count, size_t len,
                                    struct error *error)
{
    if (disk_admit(len, error) != OK)
        return error->code;
    if (results->is_torn && ftruncate(results->log_fd, (off_t)results->size))
        return error_set_errno(error, ERROR_IO, errno, "cannot cut %s", results->log_path);
    results->is_torn = false;
    ssize_t written;
    do
        written = io_writev(results->log_fd, parts, part_count);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)len)
        return OK;
    int os_errno = written < 0 ? errno : ENOSPC;
    if (written > 0)
        results->is_torn = ftruncate(results->log_fd, (off_t)results->size) != 0;
    return file_fail("write", results->log_path, os_errno, error);
}

static uint64_t checksum(const struct iovec *parts, int count)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (int i = 0; i < count; i++)
        XXH3_64bits_update(&state, parts[i].iov_base, parts[i].iov_len);
    return XXH3_64bits_digest(&state);
}

enum error_code results_append(struct results *results, const struct result *result, struct error *error)
{
    uint8_t header[RECORD_HEADER_LEN] = {0}, fixed[FIXED_LEN] = {0};
    bool has;
    enum error_code code = results_has(results, result->number, &has, error);
    if (code == OK && has)
        code = error_set(error, ERROR_CONFLICT, "record %llu has a result", (unsigned long long)result->number);
    if (code == OK && result->line.len + result->outcome.len > PAYLOAD_MAX - FIXED_LEN)
        code = error_set(error, ERROR_TOO_LARGE, "a result has at most %u bytes", PAYLOAD_MAX - FIXED_LEN);
    if (code != OK)
        return code;
    put_u64(fixed, result->number);
    put_u64(fixed + 8, result->input_tokens);
    put_u64(fixed + 16, result->output_tokens);
    fixed[24] = result->is_error;
    put_u32(fixed + 28, (uint32_t)result->line.len);
    struct iovec parts[] = {
        {header, sizeof(header)},
        {fixed, sizeof(fixed)},
        {(char *)(uintptr_t)result->line.data, result->line.len},
        {(char *)(uintptr_t)result->outcome.data, result->outcome.len},
    };
    size_t len = FIXED_LEN + result->line.len + result->outcome.len;
    put_u32(header, (uint32_t)len);
    put_u64(header + 8, checksum(parts + 1, 3));
    code = write_record(results, parts, 4, RECORD_HEADER_LEN + len, error);
    if (code != OK)
        return code;
    results->last = results->size;
    results->size += RECORD_HEADER_LEN + len;
    struct error ignored; /* the slot's space was taken at the start, and the log is what counts */
    if (set_slot(results, result->number, results->last, &ignored) != OK)
        log_event(LOG_ERROR, "batch results cannot be found", LOG_C("error", ignored.message));
    return OK;
}

enum error_code results_has(struct results *results, uint64_t number, bool *has, struct error *error)
{
    uint64_t offset;
    enum error_code code = get_slot(results, number, &offset, error);
    *has = code == OK && offset != 0;
    return code;
}

enum error_code results_read(struct results *results, uint64_t number, struct buf *buf, struct result *result,
                             struct error *error)
{
    uint64_t offset;
    bool is_whole = false;
    enum error_code code = get_slot(results, number, &offset, error);
    if (code == OK && offset == 0)
        return error_set(error, ERROR_NOT_FOUND, "record %llu has no result", (unsigned long long)number);
    if (code == OK)
        code = read_record(results, offset, results->size, buf, result, &is_whole, error);
    if (code == OK && (!is_whole || result->number != number))
        code = error_set(error, ERROR_INTERNAL, "%s is damaged at %llu", results->log_path, (unsigned long long)offset);
    return code;
}

enum error_code results_last(struct results *results, struct buf *buf, struct result *last, bool *has_last,
                             struct error *error)
{
    *has_last = results->last != 0;
    if (!*has_last)
        return OK;
    bool is_whole = false;
    enum error_code code = read_record(results, results->last, results->size, buf, last, &is_whole, error);
    return code == OK && !is_whole ? error_set(error, ERROR_INTERNAL, "%s is damaged", results->log_path) : code;
}
