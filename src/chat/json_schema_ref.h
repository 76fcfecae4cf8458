/* json_schema_ref.h - what a $ref leads to. Pure functions, any thread. */
#ifndef CHAT_JSON_SCHEMA_REF_H
#define CHAT_JSON_SCHEMA_REF_H

#include <yyjson.h>

#include "core/str.h"

/* The schema inside `root` (an immutable document) that `ref` names, as it
 * stands in the schema `holder`: "#", a JSON pointer (percent-encoded or not),
 * an $anchor, or the $id of a schema inside, with or without a fragment. A
 * fragment counts from `root`, or else from the innermost schema with an $id
 * around `holder`. NULL when there is none, or when looking for it would visit
 * more than *budget values, which is counted down. */
yyjson_val *json_schema_ref(yyjson_val *root, yyjson_val *holder, struct str ref, size_t *budget);

#endif
