/* lines.h - lines of a JSONL file out of pieces of any size. One thread.
 *
 * A line ends with \n or \r\n; the last one may end with the file. Blank lines
 * are counted and left out, as is a byte-order mark before the first. A line
 * longer than the maximum is given with its first bytes only and is_too_long. */
#ifndef BATCH_LINES_H
#define BATCH_LINES_H

#include "core/buf.h"
#include "core/error.h"

struct line {
    struct str text; /* valid during the call */
    uint64_t number; /* in the file, from 1; blank lines count */
    bool is_too_long;
};

/* An error ends the reading and is handed on. */
typedef enum error_code (*line_taker)(void *ctx, const struct line *line, struct error *error);

struct line_reader {
    line_taker take;
    void *ctx;
    size_t max;
    struct buf partial; /* of a line that began in an earlier piece */
    uint64_t number;    /* lines that have ended */
    bool is_too_long;   /* the current one */
};

void line_reader_init(struct line_reader *reader, size_t max, line_taker take, void *ctx);
void line_reader_deinit(struct line_reader *reader);

enum error_code line_reader_feed(struct line_reader *reader, struct str piece, struct error *error) WARN_UNUSED;
enum error_code line_reader_end(struct line_reader *reader, struct error *error) WARN_UNUSED;

#endif
