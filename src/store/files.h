/* files.h - files that tenants bring under an ID of ours, and those that batches make for them: bytes in DATA/files,
 * what is said of them in DATA/state.db.
 *
 * A file's bytes are synced and have their name before its row is there, so what files_get finds can be read; bytes
 * without a row, of a process that died between, go when the store is opened. Another tenant's file is
 * ERROR_NOT_FOUND, as is one whose time is up. A file that is read while it is deleted can be read to its end.
 *
 * Calls wait for the disk. Any thread; one at a time is inside. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define FILES_ID_LEN 29 /* "file-" and 24 letters and digits */
#define FILES_PATH_MAX 4096
#define FILES_NAME_MAX 1024 /* bytes of a file's own name */

/* Strings live in the arena of whoever read it. */
struct file_row {
    char id[FILES_ID_LEN + 1];
    int64_t sequence; /* order in which they came */
    struct str tenant, name;
    struct str purpose; /* those that begin with a dot are listed for nobody */
    uint64_t bytes;
    uint64_t created_us, expires_us; /* wall clock; expires 0: never */
};

struct files;

/* One process per data directory: the caller holds its lock. */
enum error_code files_open(const char *data, struct files **files, struct error *error) WARN_UNUSED;
void files_close(struct files *files); /* NULL is legal */

void files_new_id(char id[FILES_ID_LEN + 1]);
void files_id_of(struct str text, char id[FILES_ID_LEN + 1]); /* the same text has the same one */

/* Where a file that is not whole yet may be written: removed at the next start, whatever becomes of it. */
void files_spool_path(struct files *files, char path[FILES_PATH_MAX]);

/* Takes the whole file at `path`, which is gone after, in any case: row says what it is, but for its sequence, bytes
 * and created_us, which are set. One of this ID that the tenant has already is replaced. ERROR_QUOTA: over
 * limit(files) or limit(files_bytes). */
enum error_code files_add(struct files *files, const char *path, struct file_row *row, struct error *error) WARN_UNUSED;

enum error_code files_get(struct files *files, struct str tenant, struct str id, struct arena *arena,
                          struct file_row *row, struct error *error) WARN_UNUSED;
/* The same, with its bytes open for reading. */
enum error_code files_read(struct files *files, struct str tenant, struct str id, struct arena *arena,
                           struct file_row *row, int *fd, struct error *error) WARN_UNUSED;
enum error_code files_delete(struct files *files, struct str tenant, struct str id, struct error *error) WARN_UNUSED;

struct file_filter {
    struct str tenant;
    struct str purpose; /* empty: all that are listed */
    bool is_ascending;  /* oldest first */
    int64_t beyond;     /* sequence of the last one seen; 0: from the start */
    size_t max;
};
/* *has_more: there is a page behind this one. */
enum error_code files_list(struct files *files, const struct file_filter *filter, struct arena *arena,
                           struct file_row **rows, size_t *count, bool *has_more, struct error *error) WARN_UNUSED;

#endif
