/* json_schema.h - JSON schema to GBNF, so that sampling can only produce text
 * that validates.
 *
 * docs/SCHEMAS.md says which keyword is held where. What a grammar does not
 * hold is left to json_schema_check.h; what is not understood, or can't be
 * satisfied, is refused with its place (ERROR_INVALID).
 * Pure function, any thread. */
#ifndef CHAT_JSON_SCHEMA_H
#define CHAT_JSON_SCHEMA_H

#include <yyjson.h>

#include "core/buf.h"
#include "core/error.h"

/* Appends rules for `schema`; the rule that matches a whole value is called
 * `root_name`, all others begin with root_name and a dash. `where` names the
 * schema in messages. */
enum error_code json_schema_to_grammar(yyjson_val *schema, const char *root_name, const char *where,
                                       struct buf *grammar, struct error *error) WARN_UNUSED;

#endif
