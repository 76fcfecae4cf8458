/* json_schema_ref.h - what a $ref leads to. Pure functions, any thread. */
#ifndef CHAT_JSON_SCHEMA_REF_H
#define CHAT_JSON_SCHEMA_REF_H

#include <yyjson.h>

#include "core/str.h"

/* The schema inside `root` (an immutable document) that `ref` names: "#", a
 * JSON pointer (percent-encoded or not), an $anchor, or the $id of a schema
 * inside, with or without a fragment. NULL when there is none. */
yyjson_val *json_schema_ref(yyjson_val *root, struct str ref);

#endif
