/* json_schema_check.h - does a JSON value hold to a schema?
 *
 * Values that a grammar made are checked for what grammars do not hold
 * (uniqueItems, not, contains, ...); json_schema.c picks values of enums with it
 * too. Numbers are compared as they were written. Formats are annotations, but
 * below `not`: there nothing would be left otherwise. Any thread, a checker belongs to one. */
#ifndef CHAT_JSON_SCHEMA_CHECK_H
#define CHAT_JSON_SCHEMA_CHECK_H

#include <yyjson.h>

#include "chat/regular.h"
#include "core/error.h"

struct json_schema_step {
    const struct json_schema_step *before;
    yyjson_val *name; /* of a member; NULL: an item */
    size_t index;
};

struct json_schema_checker {
    yyjson_val *root;        /* that $refs lead into */
    struct regular *regular; /* of the caller */
    const struct json_schema_step *path;
    yyjson_val *listed;      /* schema whose enum the value is known to be in; NULL: none */
    size_t ref_visits;       /* values visited to find what $refs lead to */
    int depth, quiet; /* quiet: failures are no news, as below anyOf */
    int negations;    /* of `not` around the place */
    size_t steps;
    char failure[256]; /* "city.streets[3]: 'uniqueItems' does not hold" */
};

bool json_schema_holds(struct json_schema_checker *checker, yyjson_val *schema, yyjson_val *value);
bool json_schema_same(yyjson_val *a, yyjson_val *b); /* equal as JSON schema has it: 1 and 1.0 are */
bool json_schema_keyword_holds(struct json_schema_checker *checker, yyjson_val *schema, const char *key,
                               yyjson_val *value);

/* What a text of that format looks like; NULL: it is not known. json_schema_string.c */
const char *json_schema_format_pattern(struct str format);

/* Does the schema have a keyword that its grammar may not hold? */
bool json_schema_needs_check(yyjson_val *schema);

/* Checks the text of a value. ERROR_MODEL names the place and the keyword. */
enum error_code json_schema_check(yyjson_val *schema, struct str text, const char *where, struct error *error)
    WARN_UNUSED;

#endif
