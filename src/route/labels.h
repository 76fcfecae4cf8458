/* labels.h - what a router learnt of its own traffic: a line for each request that several of its models answered.
 *
 * DATA/routers/ROUTER/labels, JSON lines, and before them, once the file was full, labels.1. Each line is a row of
 * router data (samples.h) with "features" where others have a prompt:
 *
 *   {"id": REQUEST, "time": "2026-11-30T03:12:44.120Z", "router": NAME, "tenant": NAME, "group": HASH,
 *    "quality": {MODEL: 0..1}, "cost": {MODEL: dollars}, "confidence": {MODEL: 0..1}, "predicted": {MODEL: 0..1},
 *    "predictor": MARK,
 *    "reference": MODEL, "answered": MODEL, "by": "text" | "json" | "tool" | "judge", "features": {...},
 *    "prompt": TEXT, "system": TEXT, "crc": "1a2b3c4d"}
 *
 * `reference` is the strongest model, with which the others were compared; `cost` is what the tokens of each answer
 * cost in the default tier without a cache, so that models can be compared. prompt and system are there only where the
 * router keeps texts. crc is the CRC-32 of the line up to its comma; a line without one was made by hand.
 *
 * A line is one write(2) at the end of the file, under a lock that whoever rewrites it takes too. What a crash left
 * without a line feed is cut off by the next writer, and passed over by readers. Any thread, any process. */
#ifndef ROUTE_LABELS_H
#define ROUTE_LABELS_H

#include "core/buf.h"
#include "route/predictor.h"

#define LABELS_PATH_MAX 4096

struct label {
    struct str request_id, router, tenant;
    uint64_t time_us; /* clock_wall_us() when the client's request came */
    struct str reference, answered;
    const char *by;
    struct label_model {
        struct str name;
        double quality, cost, predicted, confidence; /* cost in dollars; NAN: not known */
    } models[PREDICTOR_MODELS_MAX];
    size_t count;
    uint64_t group, predictor; /* hashes; rows of one group are never split; predictor 0: there was none */
    const struct features *features;
    struct str prompt, system; /* data NULL: they are not kept */
};

/* The whole line, with its line feed. False: no memory. */
bool label_write(const struct label *label, struct buf *out);

/* DATA/routers/ROUTER/labels. ERROR_INVALID: the path is too long, or the name is none of a router. */
enum error_code labels_path(const char *data, struct str router, char path[LABELS_PATH_MAX], struct error *error)
    WARN_UNUSED;

/* Appends a line to the file at `path`, whose directories are made where they are missing; a file that would grow past
 * limit(router_label_bytes) becomes `path`.1 first, over the one that was there. */
struct labels_written {
    size_t cut;         /* bytes of a torn line that were taken away */
    bool is_begun_anew; /* the file was full */
};
enum error_code labels_append(const char *path, struct str line, struct labels_written *written,
                              struct error *error) WARN_UNUSED;

/* One line that was read: the file's name and its number there. What it has of "quality", "confidence" and "predicted"
 * are objects of numbers from 0 to 1 (true and false count as such, null as nothing), its "time" is a time stamp. */
struct label_line {
    const char *file;
    size_t number;
    yyjson_val *root;
    struct str text; /* without its line feed */
};

/* What is wrong with a line; `error` names file and number. */
enum label_fault {
    LABEL_TORN,    /* the last one has no line feed: the server was killed while it wrote it */
    LABEL_DAMAGED, /* it is no JSON object, or not what was written, or has what can't be a label's */
};

/* Both files from the oldest line on. `each` may end it by an error. `fault` is called for what is no label, and may
 * end it too. ERROR_NOT_FOUND: there is no file; ERROR_IO, ERROR_TOO_LARGE. */
struct label_reader {
    void *ctx;
    enum error_code (*each)(void *ctx, const struct label_line *line, struct error *error);
    enum error_code (*fault)(void *ctx, enum label_fault fault, struct error *error);
};
enum error_code labels_read(const char *path, const struct label_reader *reader, struct error *error) WARN_UNUSED;

/* Takes out the lines of a tenant, and what is no label; both files are written anew. *removed: lines that went. */
enum error_code labels_remove_tenant(const char *path, struct str tenant, size_t *removed,
                                     struct error *error) WARN_UNUSED;

/* --- features in a line --- */

/* What of features.c's rules the numbers stand on: others can't be mixed with them. */
uint32_t features_mark(void);
void features_append_json(struct buf *out, const struct features *features);
/* False: of another mark, or none. */
bool features_read_json(yyjson_val *object, struct features *features);

#endif
