/* shape.h - from one line of a log to a record. What a line is, its own members say, so a file may hold lines of all
 * kinds: records of Bedrock's invocation log, records of a batch job, our ledger's export, LiteLLM's spend log, lines
 * with a request and a reply in OpenAI's or Anthropic's words, input and output of their batch files.
 *
 * Nothing of it is kept: a record borrows from the value and the arena. Any thread. */
#ifndef ADVISE_SHAPE_H
#define ADVISE_SHAPE_H

#include <yyjson.h>

#include "advise/record.h"
#include "core/mem.h"

/* Bodies that lie beside their record. */
struct shape_bodies {
    /* The body at an s3:// URI, NULL where it is not found; lives as long as the arena. */
    yyjson_val *(*find)(void *ctx, struct str uri, struct arena *arena);
    void *ctx;
};

/* The record inside of an event of CloudWatch Logs, which holds it as text; any other value as it is. */
yyjson_val *shape_inner(yyjson_val *line, struct arena *arena);

/* ADVISE_READ, or why not. */
enum advise_flaw shape_read(yyjson_val *line, const struct shape_bodies *bodies, struct arena *arena,
                            struct advise_record *record);

/* The model and place of a ledger's price row, "BOOK@VERSION/ID/PLACE"; another text changes nothing. */
void shape_read_price_name(struct str name, struct advise_record *record);

/* LiteLLM's spend log as a table: fields by their column's name. */
struct shape_field {
    struct str name, value;
};
enum advise_flaw shape_read_fields(const struct shape_field *fields, size_t count, struct arena *arena,
                                   struct advise_record *record);
/* Whether a table with such columns can be read. */
bool shape_knows_columns(const struct str *names, size_t count);

#endif
