/* fields.h - what request parsers need beyond core/json.h: unions, enums,
 * lengths, patterns, and what becomes of members that nobody knows.
 *
 * `where` is the path of `object` for messages, "" at the root. All errors are
 * ERROR_INVALID and begin with the field's path. Any thread. */
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include "chat/ignored.h"
#include "core/json.h"

#define FIELD_PATH_MAX 160

/* "messages[0].content[3]" and the like, cut at FIELD_PATH_MAX. */
struct field_path {
    char text[FIELD_PATH_MAX];
};
struct field_path field_path_index(const char *where, const char *key, size_t index);
struct field_path field_path_member(const char *where, const char *key);

enum error_code field_error(struct error *error, const char *where, const char *key, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Members of `object` that are none of `names` (NULL-terminated) and not null are noted in `ignored`; where that is
 * NULL they are refused. */
enum error_code fields_known(struct ignored *ignored, yyjson_val *object, const char *where, const char *const *names,
                             struct error *error) WARN_UNUSED;

/* What no target here can do: a member that is there and neither null nor an empty array is refused by name. What
 * depends on the target is noted instead (needs.h). */
struct field_absent {
    const char *key, *why;
};
enum error_code fields_refuse(yyjson_val *object, const char *where, const struct field_absent *absent, size_t count,
                              struct error *error) WARN_UNUSED;

/* Index of `name` in `names` (NULL-terminated), or -1. */
int fields_index(struct str name, const char *const *names);

/* A tagged union: an object with exactly one member that isn't null and whose
 * name is one of `names`; gives its index and value. Unknown members beside it
 * are ignored as above, alone they are refused. */
enum error_code fields_union(struct ignored *ignored, yyjson_val *object, const char *where, const char *const *names,
                             size_t *which, yyjson_val **value, struct error *error) WARN_UNUSED;

/* Index into `names`, or -1 when absent. */
enum error_code fields_enum(yyjson_val *object, const char *where, const char *key, const char *const *names,
                            int *which, struct error *error) WARN_UNUSED;

enum error_code fields_need_object(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                   struct error *error) WARN_UNUSED;
enum error_code fields_need_array(yyjson_val *object, const char *where, const char *key, yyjson_val **value,
                                  struct error *error) WARN_UNUSED;

/* A required string of low to high characters (code points). */
enum error_code fields_need_str(yyjson_val *object, const char *where, const char *key, size_t low, size_t high,
                                struct str *value, struct error *error) WARN_UNUSED;
/* The same when it may be absent. */
enum error_code fields_get_str(yyjson_val *object, const char *where, const char *key, size_t low, size_t high,
                               struct str *value, bool *present, struct error *error) WARN_UNUSED;

/* topP, 0 to 1. Sampling needs a positive mass: 0 becomes one so little that the likeliest token alone fits. */
enum error_code fields_get_top_p(yyjson_val *object, const char *where, const char *key, double *top_p, bool *present,
                                 struct error *error) WARN_UNUSED;

/* A count that may be missing or nonsense, as others write them: 0 then. */
uint64_t fields_count(yyjson_val *object, const char *key);

size_t fields_characters(struct str text); /* code points */

/* ASCII letters and digits, and any character of `more`. */
bool fields_alphabet(struct str text, const char *more);
/* ([0-9a-zA-Z`more`][ _-]?)+, as resources are named. */
bool fields_is_name(struct str text, const char *more);
bool fields_is_blank(struct str text);

/* A second document inside the first (a schema sent as a string): parsed with
 * json_parse's guards, its memory in the arena. */
enum error_code fields_parse_inner(struct str text, struct arena *arena, yyjson_val **value,
                                   struct error *error) WARN_UNUSED;

/* An allocator for yyjson whose memory is the arena's. */
yyjson_alc fields_arena_alc(struct arena *arena);

/* Compact text of a value, in the arena. */
enum error_code fields_json_text(yyjson_val *value, struct arena *arena, struct str *text,
                                 struct error *error) WARN_UNUSED;

/* Base64 text decoded into the arena. */
enum error_code fields_base64(struct str text, const char *where, const char *key, struct arena *arena,
                              struct str *bytes, struct error *error) WARN_UNUSED;

#endif
