/* spool_file.h - what a file of the spool is called and what it holds: spool.h says which there are. Functions of their
 * arguments alone; any thread. */
#ifndef INVOCATIONS_SPOOL_FILE_H
#define INVOCATIONS_SPOOL_FILE_H

#include "core/buf.h"
#include "invocations/settings.h"

#define SPOOL_FOLDER "invocations" /* in the data directory */
#define SPOOL_NAME_BYTES 32
#define SPOOL_HEADER_MAX ((size_t)65536)

/* What a file says of itself. */
struct spool_header {
    struct str tenant, account, region, bucket, prefix, key;
};

/* --- names and keys --- */

const char *spool_file_kind(bool is_body);
void spool_file_name(char name[SPOOL_NAME_BYTES], uint64_t number, const char *kind);

/* "PREFIX/AWSLogs/ACCOUNT/BedrockModelInvocationLogs/REGION/", appended. */
bool spool_append_base(struct buf *out, const struct settings *settings);
size_t spool_prefix_max(struct str account, struct str region); /* bytes of a prefix that leaves keys their room */
/* Of a batch that begins now, and of a body of its own. */
bool spool_append_batch_key(struct buf *out, const struct settings *settings);
bool spool_append_body_key(struct buf *out, const struct settings *settings, uint64_t wall_us, struct str name);

/* --- headers --- */

bool spool_append_header(struct buf *out, const struct settings *settings, struct str key);
/* Of an open file; strings lie in the arena, the content begins at *offset. ERROR_INVALID: it is damaged. */
enum error_code spool_read_header(int fd, struct arena *arena, struct spool_header *header, uint64_t *offset,
                                  struct error *error) WARN_UNUSED;

/* --- bytes --- */

enum error_code spool_cannot_write(const char *name, struct error *error); /* for errno */
/* `first` and `rest` at `at` of a file of the directory, which is opened with `flags` besides: all of it or nothing. */
enum error_code spool_append_file(int dir, const char *name, int flags, uint64_t at, struct str first, struct str rest,
                                  struct error *error) WARN_UNUSED;
/* Cuts a line off that was not finished. Gives the size; 0: there is no whole line. */
uint64_t spool_trim(int fd, uint64_t size);

#endif
