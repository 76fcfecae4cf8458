/* rows.h - the rows of added.h as the main thread has them: read, and written, on one of libuv's worker threads, since
 * a disk may let wait.
 *
 * Notes collect what is to be written. Each pass writes them and reads all rows anew; on_read follows where nothing
 * was noted meanwhile, so that whoever looks at the rows never sees them without what he has noted himself. A database
 * that is busy or full is asked again. Main thread, but for the pass itself. */
#ifndef MODEL_ROWS_H
#define MODEL_ROWS_H

#include <uv.h>

#include "model/added.h"

struct rows;

/* What the last pass has read, until the next look. */
struct rows_view {
    struct added_row *items; /* oldest first */
    struct error *checks;    /* of the file of each that nobody has loaded yet; code OK: nothing against it */
    size_t count;
};

/* NULL: no memory. `data` outlives the rows. */
struct rows *rows_new(const char *data, uv_loop_t *loop, void (*on_read)(void *ctx), void *ctx);
/* The first pass, in place, before anybody is served. OK where it may be better in a moment: then on_read comes. */
enum error_code rows_read_first(struct rows *rows, bool *is_read, struct error *error) WARN_UNUSED;
void rows_look(struct rows *rows); /* a pass, soon */
void rows_stop(struct rows *rows); /* no on_read from here on; NULL is legal, as below */
void rows_free(struct rows *rows); /* after the loop has let go of it */

const struct rows_view *rows_view(const struct rows *rows);
bool rows_have_notes(const struct rows *rows);

/* Without memory nothing is noted, and a row stays as it was. */
void rows_note_state(struct rows *rows, int64_t revision, enum added_state state, const char *message);
void rows_note_removed(struct rows *rows, int64_t revision);
/* Files of prefixes that a model with this fingerprint has left go. */
void rows_note_prefixes(struct rows *rows, const char *fingerprint);

#endif
