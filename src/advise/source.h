/* source.h - where logs come from: files, compressed files, folders of them, standard input. Cuts them into JSON values
 * and rows of tables; what these mean is shape.h's.
 *
 * A file is read line by line; one that begins with a bracket alone on its line, or with a list, is read as JSON
 * values that follow each other, one at a time, whatever their lines; one that begins with the header of a table as
 * comma-separated values. Compressed files are known by their bytes. At most one value is in memory. One thread. */
#ifndef ADVISE_SOURCE_H
#define ADVISE_SOURCE_H

#include "advise/shape.h"
#include "core/error.h"

struct source_sink {
    void *ctx;
    /* One value; false ends the reading (no memory, no disk: the sink knows). */
    bool (*value)(void *ctx, yyjson_val *value, const struct shape_bodies *bodies, struct arena *arena);
    bool (*fields)(void *ctx, const struct shape_field *fields, size_t count, struct arena *arena);
    /* A data directory with a ledger. */
    bool (*ledger)(void *ctx, const char *data);
    /* Whether logs and bodies in this bucket of a data directory are to be read; NULL: all are. */
    bool (*bucket)(void *ctx, const char *data, struct str bucket);
    void (*flaw)(void *ctx, enum advise_flaw flaw);
    /* Bytes of files read so far; may be NULL. */
    void (*progress)(void *ctx, uint64_t bytes);
};

/* "-" is standard input. ERROR_NOT_FOUND: there is no such file; what is wrong inside of it are flaws. ERROR_NO_MEMORY:
 * also when the sink ended it. */
enum error_code source_read(const char *path, const struct source_sink *sink, struct error *error) WARN_UNUSED;

/* Bytes of all files that source_read would read; 0 for standard input. */
uint64_t source_bytes(const char *path);

/* From memory, as a file of these bytes would be read (not compressed). */
bool source_read_text(struct str text, const struct source_sink *sink);

#endif
