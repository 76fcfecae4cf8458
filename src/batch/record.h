/* record.h - one line of a job's input, and the line of its output.
 *
 *   {"recordId": "...", "modelInput": {...}}
 *   {"recordId": "...", "modelInput": {...}, "modelOutput": {...}}
 *   {"recordId": "...", "modelInput": {...}, "error": {"errorCode": 400, "errorMessage": "..."}}
 *
 * Knows nothing of what modelInput means. Any thread. */
#ifndef BATCH_RECORD_H
#define BATCH_RECORD_H

#include "core/json.h"

struct batch_record {
    yyjson_doc *document;
    struct str id;     /* data NULL: the line has none */
    yyjson_val *input; /* modelInput, an object */
};

/* ERROR_INVALID says what is wrong with the line; *record then has what could be
 * read of it. record_free in either case. */
enum error_code record_parse(struct str line, struct batch_record *record, struct error *error) WARN_UNUSED;
void record_free(struct batch_record *record);

/* The member that the outcome is: "modelOutput":{...} around the model's body, or "error":{...}. */
bool record_append_output(struct buf *out, struct str body);
bool record_append_error(struct buf *out, const struct error *error);

/* The line of the output, with its line feed. `line` is the input's, read or
 * not; `is_json`: record_parse has made a document of it before, so that it
 * need not be parsed again. `number` counts records from 0 and makes the ID of
 * one that has none. */
bool record_append_line(struct buf *out, struct str line, bool is_json, uint64_t number, struct str outcome);

#endif
