/* spool.h - what waits on the disk to be delivered: files in DATA/invocations, each of which becomes one object.
 *
 * A file is a line of JSON (whose it is, where it goes) and then the object's content, not compressed yet:
 *
 *   {"tenant":"...","account":"...","region":"...","bucket":"...","prefix":"...","key":"..."}
 *   content
 *
 *   N.records   a batch of records, a line each. It is written to until it is closed: when it is full or old, when its
 *               configuration is no longer in force, when the server ends
 *   N.body      a body that was too large for its record
 *   N.new       such a body on its way to the disk
 *   N.gz        the content, compressed, on its way to the object store
 *
 * N is a number in 16 hexadecimal digits that grows. Files are written without being synced: they outlive the process,
 * a machine that loses its power may lose the last seconds. What an earlier process left is closed by the next one: a
 * line that was cut off goes, and what was delivered just before the end is delivered again, under the same key.
 *
 * One thread writes, another one takes; the crossing is one mutex. A place is where files of one configuration go. */
#ifndef INVOCATIONS_SPOOL_H
#define INVOCATIONS_SPOOL_H

#include "invocations/spool_file.h"

struct spool;
struct place;

enum error_code spool_open(const char *data, struct spool **spool, struct error *error) WARN_UNUSED;
void spool_close(struct spool *spool); /* both threads are gone; NULL is legal */

/* --- the thread that writes --- */

/* One record, with its newline. ERROR_UNAVAILABLE: there is no room, on the disk or within the limits. */
enum error_code spool_add(struct spool *spool, const struct settings *settings, struct str line,
                          struct error *error) WARN_UNUSED;
/* A body as an object of its own, `name` is "REQUEST_input" or the like; appends its URI to `uri`. */
enum error_code spool_add_body(struct spool *spool, const struct settings *settings, uint64_t wall_us, struct str name,
                               struct str body, struct buf *uri, struct error *error) WARN_UNUSED;
/* Closes batches that are due. Microseconds until the next one is; UINT64_MAX: none is open. */
uint64_t spool_tend(struct spool *spool, uint64_t now_us);
/* Closes all. Nothing is added any more: spool_take ends once each file was tried, LIMIT_INVOCATION_CLOSE_MS later at
 * the latest. */
void spool_end(struct spool *spool);

/* --- the thread that delivers --- */

struct spool_file {
    struct spool_file *next;
    struct place *place;
    uint64_t number, bytes;
    bool is_body;
};

/* Waits for a file that is due; whoever gets it returns it by one of the three below. False: the end. */
bool spool_take(struct spool *spool, struct spool_file **file);
void spool_delivered(struct spool *spool, struct spool_file *file);
/* Of its place, nothing is due for a while: the longer the more often it fails. */
void spool_failed(struct spool *spool, struct spool_file *file, const char *why);
void spool_drop(struct spool *spool, struct spool_file *file); /* nobody will ever take it */

/* What the file says of itself; strings lie in the arena. The content begins at *offset of *fd. ERROR_INVALID: it is
 * damaged. */
enum error_code spool_read(struct spool *spool, const struct spool_file *file, struct arena *arena,
                           struct spool_header *header, int *fd, uint64_t *offset, struct error *error) WARN_UNUSED;
/* A path for the compressed content; gone with the next start if not before. */
void spool_scratch(const struct spool *spool, const struct spool_file *file, char *path, size_t cap);

/* --- any thread --- */

void spool_retry(struct spool *spool, struct str tenant); /* its places may work again: they are tried at once */
uint64_t spool_bytes(const struct spool *spool);

#endif
