/* record.h - one line of a job's input, and the line of its output, in the job's form (form.h). Bedrock's are
 *
 *   {"recordId": "...", "modelInput": {...}}
 *   {"recordId": "...", "modelInput": {...}, "modelOutput": {...}}
 *   {"recordId": "...", "modelInput": {...}, "error": {"errorCode": 400, "errorMessage": "..."}}
 *
 * Knows nothing of what the input means. Any thread. */
#ifndef BATCH_RECORD_H
#define BATCH_RECORD_H

#include "batch/form.h"

struct batch_record {
    yyjson_doc *document;
    struct str id;     /* data NULL: the line has none */
    yyjson_val *input; /* modelInput, an object */
    struct str model;  /* that the input names, where the form does; else empty */
};

/* ERROR_INVALID says what is wrong with the line; *record then has what could be
 * read of it. record_free in either case. */
enum error_code record_parse(const struct batch_form *form, struct str line, struct batch_record *record,
                             struct error *error) WARN_UNUSED;
void record_free(struct batch_record *record);

/* The line of the output, with its line feed. `text` is the input's, read or
 * not; `is_json`: record_parse has made a document of it before, so that it
 * need not be parsed again. `number` counts records from 0 and makes the ID of
 * one that has none. */
struct record_line {
    struct str text;
    bool is_json;
    uint64_t number;
    const char *request_id;
};
bool record_append_line(const struct batch_form *form, struct buf *out, const struct record_line *line,
                        struct str outcome);

#endif
