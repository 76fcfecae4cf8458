/* rows.h - what is kept of each request: some 150 bytes, in a file without a name, sorted with a fixed amount of memory
 * whatever their number.
 *
 * A file of rows is a sequence of struct row, each cut behind its last block, as they are in memory. It lives as long
 * as the program. One thread. */
#ifndef ADVISE_ROWS_H
#define ADVISE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/limits.h"
#include "ledger/price.h"

enum row_flag {
    ROW_STREAM = 1 << 0,
    ROW_COUNTED = 1 << 1, /* tokens by the log, not guessed */
    ROW_BODY = 1 << 2,    /* its prompt is known */
    ROW_REPLY = 1 << 3,
    ROW_TIMED = 1 << 4,
    ROW_LATER_TURN = 1 << 5, /* of a conversation */
    ROW_MEDIA = 1 << 6,
    ROW_LEDGER = 1 << 7, /* a line of our ledger */
    ROW_PAIRED = 1 << 8, /* input and output are lines of their own */
    ROW_FOR_ROUTE = 1 << 9, /* a named lever takes it (intake.h) */
    ROW_FOR_STUDENT = 1 << 10,
    ROW_FOR_BATCH = 1 << 11,
};

/* What the predictor says: may the smallest model of the family answer? Where a router is named, which of its
 * candidates does: VERDICT_ROUTED and its place. */
enum row_verdict { VERDICT_UNASKED, VERDICT_STAYS, VERDICT_SMALL, VERDICT_SMALL_UNSURE, VERDICT_ROUTED };

struct row_block {
    uint64_t hash;
    uint32_t bytes;
    uint8_t part, mark;
};

struct row {
    uint64_t time_us;
    uint64_t key;          /* of its ID; 0: it has none */
    uint64_t conversation; /* the same for turns of one; 0: unknown */
    uint32_t order;        /* as it was read */
    uint32_t group, cluster;
    uint32_t tokens[PRICE_CLASSES];
    uint32_t head_bytes, head_same, head_matched; /* template.h */
    uint32_t head_tokens;  /* by the model's own tokenizer; 0: not known */
    uint16_t template;
    uint16_t flags;
    uint8_t tier, verdict;
    uint8_t head_end; /* blocks up to the end of the head: tools and system, or of the first message */
    uint8_t block_count;
    uint8_t again[3]; /* of 255: what of such answers is made again, in router.h's cases */
    struct row_block blocks[LIMIT_ADVISE_BLOCKS];
};

struct log_rows;
struct log_rows *log_rows_new(void); /* NULL: no memory */
void log_rows_free(struct log_rows *rows); /* NULL is legal */

/* ERROR_IO: the disk of $TMPDIR has no room. */
enum error_code log_rows_add(struct log_rows *rows, const struct row *row, struct error *error) WARN_UNUSED;

enum log_rows_order { ROWS_BY_KEY, ROWS_BY_TIME }; /* of the same key or time: as they were read */
/* All that were added, in order, from the first on; adding is over then. */
enum error_code log_rows_sort(struct log_rows *rows, enum log_rows_order order, struct error *error) WARN_UNUSED;
enum error_code log_rows_rewind(struct log_rows *rows, struct error *error) WARN_UNUSED;
/* The next one; NULL: there is none, or *code says what went wrong. Valid until the next call. */
const struct row *log_rows_next(struct log_rows *rows, enum error_code *code, struct error *error);

#endif
