/* input.h - a job's records: copied out of the object store once, then found by
 * number. What lies in the directory `records` of the job's:
 *
 *   input   the records' lines, each with a line feed
 *   index   per record: u64 offset and u32 length of its line in `input`, u32
 *           number of the line in its file, u32 number of the file, u32 flags
 *           (1: the line was too long to be kept, 2: it is JSON) and, from bit 8
 *           on, the number of its model among `models`; little-endian
 *   order   per record: u32 number of the one to be computed next (order.h)
 *   files   {"files":[{"name":"a.jsonl","records":2}],"models":["a"]}, files in
 *           the order of their records; models where records name theirs; written
 *           last: where it is, all is
 *
 * Each claim of the job makes a directory of its own (fenced.h), and the first
 * that is whole gets the name. Programs of before had the files in the job's
 * directory itself.
 *
 * An object that changes while the job runs changes nothing, then. A job works
 * in bounded memory however many records it has. One thread at a time. */
#ifndef BATCH_INPUT_H
#define BATCH_INPUT_H

#include "batch/lines.h"
#include "batch/order.h"
#include "core/buf.h"

struct input_file {
    struct str name; /* of the object, behind the input's prefix */
    uint64_t first, count; /* of its records */
};

struct input;

#define INPUT_DIRECTORY "records"

/* Of the job's directory. ERROR_NOT_FOUND: the job was not prepared yet. */
enum error_code input_open(const char *dir, struct input **input, struct error *error) WARN_UNUSED;
void input_close(struct input *input); /* NULL is legal */

uint64_t input_total(const struct input *input);
const struct input_file *input_files(const struct input *input, size_t *count);

/* The text of a record's line, in *line, and whether it is known to be JSON (may be NULL). ERROR_INVALID: it was too
 * long to be kept. */
enum error_code input_read(struct input *input, uint64_t number, struct buf *line, bool *is_json,
                           struct error *error) WARN_UNUSED;
/* "the third line of a.jsonl", for messages. */
void input_describe(struct input *input, uint64_t number, struct buf *out);

/* What models the records name, and which of them a record does; none: the job has one for all. */
const struct str *input_models(const struct input *input, size_t *count);
enum error_code input_model(struct input *input, uint64_t number, unsigned *model, struct error *error) WARN_UNUSED;

/* The record to be computed at place `at`. */
enum error_code input_at(struct input *input, uint64_t at, uint64_t *number, struct error *error) WARN_UNUSED;

/* --- making one --- */

struct input_writer;
/* The files lie in `dir` itself. */
enum error_code input_writer_new(const char *dir, struct input_writer **writer, struct error *error) WARN_UNUSED;
void input_writer_free(struct input_writer *writer); /* NULL is legal */
enum error_code input_writer_file(struct input_writer *writer, struct str name, struct error *error) WARN_UNUSED;
/* A line of the file begun last; `is_json`: record_parse made a document of it. `model`: its number, 0 where the job
 * has one for all. */
enum error_code input_writer_record(struct input_writer *writer, const struct line *line, bool is_json, unsigned model,
                                    const struct order_key *key, struct error *error) WARN_UNUSED;
/* The next number: of a name that has none yet, from 0. */
enum error_code input_writer_model(struct input_writer *writer, struct str name, struct error *error) WARN_UNUSED;
uint64_t input_writer_total(const struct input_writer *writer);
enum error_code input_writer_finish(struct input_writer *writer, struct error *error) WARN_UNUSED;

#endif
