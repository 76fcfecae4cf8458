/* json_schema.h - JSON schema to GBNF, so that sampling can only produce text
 * that validates.
 *
 * Covered: type (also lists of types), properties, required,
 * additionalProperties, enum, const, items, prefixItems, minItems, maxItems,
 * minLength, maxLength, minimum/maximum for integers, pattern (the regular
 * subset), format date/time/date-time/uuid, anyOf, oneOf, allOf (of objects),
 * $ref into #/$defs and #/definitions (recursive ones too), {} and true.
 * What a grammar can't hold is refused by name (ERROR_INVALID), never ignored.
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
