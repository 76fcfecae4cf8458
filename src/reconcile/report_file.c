/* report_file.c - reports from files, compressed or not: which form it is, and tables row by row, so that of a bill
 * of any size a row is in memory. See report.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/json.h"
#include "reconcile/report.h"

#define CHUNK_BYTES (256u << 10)

/* A report on its way. */
struct feed {
    const struct report_reader *reader;
    gzFile file;    /* NULL: `text` is all there is */
    struct buf text; /* what is read and not yet used from `at` on */
    size_t at;
    bool is_over;   /* nothing comes behind `text` */
};

static struct str rest_of(const struct feed *feed)
{
    return str_slice(buf_str(&feed->text), feed->at, feed->text.len);
}

static enum error_code read_on(struct feed *feed, struct error *error)
{
    int status = Z_OK;
    buf_consume(&feed->text, feed->at);
    feed->at = 0;
    if (!buf_reserve(&feed->text, CHUNK_BYTES))
        return error_set(error, ERROR_TOO_LARGE, "a row or page has more than %zu bytes", feed->text.max);
    const int got = gzread(feed->file, feed->text.data + feed->text.len, CHUNK_BYTES);
    (void)gzerror(feed->file, &status);
    if (got < 0 || (got == 0 && status == Z_BUF_ERROR))
        return error_set(error, ERROR_INVALID, "it can't be read to its end");
    feed->text.len += (size_t)got;
    feed->is_over = got == 0;
    return OK;
}

/* --- tables ------------------------------------------------------------------------------------------ */

static enum error_code take_row(struct feed *feed, struct report_table **table, const struct table_row *row,
                                struct error *error)
{
    if (!*table)
        return report_table_new(feed->reader, row, table, error);
    return report_table_row(*table, row, error);
}

static enum error_code read_table(struct feed *feed, struct error *error)
{
    struct report_table *table = NULL;
    struct table_row row;
    struct arena arena;
    enum error_code code = OK;
    arena_init(&arena, 0);
    while (code == OK && (rest_of(feed).len > 0 || !feed->is_over)) {
        struct str rest = rest_of(feed);
        const enum table_take take = table_take_row(&rest, feed->is_over, &arena, &row);
        if (take == TABLE_MORE) {
            code = read_on(feed, error);
            continue;
        }
        if (take == TABLE_ROW)
            code = take_row(feed, &table, &row, error);
        else if (!table)
            code = error_set(error, ERROR_INVALID, "the header has more than %d columns", LIMIT_ADVISE_TABLE_COLUMNS);
        feed->at = feed->text.len - rest.len;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    report_table_free(table);
    return code;
}

/* --- which form -------------------------------------------------------------------------------------- */

static enum error_code read_document(struct feed *feed, struct error *error)
{
    yyjson_doc *doc;
    struct str next;
    enum error_code code = OK;
    while (code == OK && !feed->is_over)
        code = read_on(feed, error);
    if (code == OK)
        code = json_parse_exact(rest_of(feed), &doc, error);
    if (code != OK)
        return code;
    code = report_read_json(feed->reader, yyjson_doc_get_root(doc), &next, error);
    json_free(doc);
    return code;
}

static enum error_code refuse(struct str text, struct error *error)
{
    if (str_starts(text, STR("PAR1")))
        return error_set(error, ERROR_INVALID, "it is Parquet, which is not read here: have the export made as CSV, "
                                               "compressed by gzip or not");
    if (str_starts(text, STR("PK\x03\x04")))
        return error_set(error, ERROR_INVALID, "it is a ZIP archive: unpack it, or have the report made as gzip");
    return text.len == 0 ? error_set(error, ERROR_INVALID, "it is empty") : OK;
}

static enum error_code read_report(struct feed *feed, struct error *error)
{
    enum error_code code = OK;
    while (code == OK && !feed->is_over && str_trim(rest_of(feed)).len < 4)
        code = read_on(feed, error);
    if (code != OK)
        return code;
    if (str_starts(rest_of(feed), STR("\xef\xbb\xbf")))
        feed->at += 3;
    const struct str text = str_trim(rest_of(feed));
    code = refuse(text, error);
    if (code != OK)
        return code;
    return *text.data == '{' || *text.data == '[' ? read_document(feed, error) : read_table(feed, error);
}

enum error_code report_read_text(const struct report_reader *reader, struct str text, struct error *error)
{
    struct feed feed = {.reader = reader, .is_over = true};
    buf_init(&feed.text, text.len + 1);
    const enum error_code code = buf_append_str(&feed.text, text) ? read_report(&feed, error) : error_no_memory(error);
    buf_deinit(&feed.text);
    return code;
}

enum error_code report_read_open(const struct report_reader *reader, int fd, const char *name, struct error *error)
{
    struct feed feed = {.reader = reader, .file = gzdopen(fd, "rb")};
    if (!feed.file) {
        (void)close(fd);
        return error_no_memory(error);
    }
    buf_init(&feed.text, LIMIT_RECONCILE_PAGE_BYTES);
    const enum error_code code = read_report(&feed, error);
    buf_deinit(&feed.text);
    (void)gzclose_r(feed.file);
    return code == OK ? OK : error_prefix(error, "%s", name);
}

enum error_code report_read_file(const struct report_reader *reader, const char *path, struct error *error)
{
    const int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (fd < 0)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "%s", path);
    return report_read_open(reader, fd, path, error);
}
