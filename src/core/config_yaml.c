/* config_yaml.c - walks a YAML document by tables. Knows no key. See config_yaml.h. */
#include "core/config_yaml.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config_values.h"

#define NAME_SHOWN_MAX 48  /* bytes of the user's text repeated in a message */
#define STRING_MAX 4096
#define STRINGS_MAX 4096

/* --- errors --- */

/* The user's own text, made fit for one line of a terminal. */
struct shown {
    char text[NAME_SHOWN_MAX + 4];
};

static struct shown show(struct str s)
{
    struct shown shown;
    size_t len = s.len < NAME_SHOWN_MAX ? s.len : NAME_SHOWN_MAX;
    for (size_t i = 0; i < len; i++)
        shown.text[i] = (unsigned char)s.data[i] < ' ' || s.data[i] == 0x7f ? '?' : s.data[i];
    /* A cut inside a character would leave the message invalid UTF-8. */
    len = str_utf8_valid_len((struct str){shown.text, len});
    shown.text[len] = 0;
    if (len < s.len)
        memcpy(shown.text + len, "...", 4);
    return shown;
}

static enum error_code fail_line(struct yaml_reader *reader, size_t line, const char *path, const char *message)
{
    if (!*path)
        return error_set(reader->error, ERROR_INVALID, "%s:%zu: %s", reader->file, line, message);
    return error_set(reader->error, ERROR_INVALID, "%s:%zu: %s: %s", reader->file, line, path, message);
}

static enum error_code PRINTF_LIKE(3, 4)
    fail(struct yaml_reader *reader, const yaml_node_t *node, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return fail_line(reader, node->start_mark.line + 1, reader->path, message);
}

static struct str scalar_text(const yaml_node_t *node)
{
    return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

struct str yaml_text_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? scalar_text(node) : (struct str){NULL, 0};
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *node)
{
    if (!is_plain(node))
        return false;
    struct str text = scalar_text(node);
    return text.len == 0 || str_eq(text, STR("~")) || str_eq_nocase(text, STR("null"));
}

/* "expected WHAT, got ..." with a name for what is there. */
static enum error_code fail_expected(struct yaml_reader *reader, const yaml_node_t *node, const char *what)
{
    if (node->type == YAML_MAPPING_NODE)
        return fail(reader, node, "expected %s, got a mapping", what);
    if (node->type == YAML_SEQUENCE_NODE)
        return fail(reader, node, "expected %s, got a list", what);
    if (is_null(node))
        return fail(reader, node, "expected %s, got nothing", what);
    return fail(reader, node, "expected %s, got %s'%s'", what, is_plain(node) ? "" : "the string ",
                show(scalar_text(node)).text);
}

/* --- the key path --- */

static size_t PRINTF_LIKE(2, 3) path_push(struct yaml_reader *reader, const char *format, ...)
{
    size_t mark = reader->path_len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(reader->path + mark, sizeof(reader->path) - mark, format, args);
    va_end(args);
    reader->path_len = mark + (size_t)(len > 0 ? len : 0);
    if (reader->path_len >= sizeof(reader->path))
        reader->path_len = sizeof(reader->path) - 1;
    return mark;
}

static size_t path_push_key(struct yaml_reader *reader, struct str key)
{
    return path_push(reader, reader->path_len ? ".%s" : "%s", show(key).text);
}

static void path_pop(struct yaml_reader *reader, size_t mark)
{
    reader->path_len = mark;
    reader->path[mark] = 0;
}

static const yaml_node_t *node_of(struct yaml_reader *reader, int id)
{
    return yaml_document_get_node(&reader->document, id);
}

/* --- scalars --- */

static enum error_code keep_string(struct yaml_reader *reader, struct str text, const char **target)
{
    *target = arena_strdup(reader->arena, text);
    return *target ? OK : error_no_memory(reader->error);
}

static enum error_code read_string(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                   const char **target)
{
    const char *expected = field->expected ? field->expected : "a string";
    if (node->type != YAML_SCALAR_NODE || is_null(node))
        return fail_expected(reader, node, expected);
    struct str text = scalar_text(node);
    if (text.len == 0)
        return fail(reader, node, "expected %s, got an empty string", expected);
    if (text.len > STRING_MAX)
        return fail(reader, node, "expected at most %d bytes, got %zu", STRING_MAX, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < ' ')
            return fail(reader, node, "expected %s without control characters", expected);
    }
    if (field->check && !field->check(text))
        return field->is_secret ? fail(reader, node, "expected %s", expected) : fail_expected(reader, node, expected);
    return keep_string(reader, text, target);
}

/* A relative path means the same wherever the program is started: it counts
 * from the file that names it. */
static enum error_code read_path(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                 const char **target)
{
    struct field plain = {.expected = field->kind == FIELD_PATH ? "a path" : "the path of a file"};
    enum error_code code = read_string(reader, node, &plain, target);
    if (code)
        return code;
    const char *slash = strrchr(reader->file, '/');
    if (slash && **target != '/') {
        struct str path = arena_printf(reader->arena, "%.*s%s", (int)(slash - reader->file + 1), reader->file, *target);
        if (!path.data)
            return error_no_memory(reader->error);
        *target = path.data;
    }
    if (field->kind == FIELD_PATH)
        return OK;
    struct stat info;
    if (stat(*target, &info))
        return fail(reader, node, "expected the path of a file, but there is no %s", *target);
    if (!S_ISREG(info.st_mode))
        return fail(reader, node, "expected the path of a file, but %s is not one", *target);
    if (access(*target, R_OK))
        return fail(reader, node, "expected a readable file, but %s may not be read by this user", *target);
    return OK;
}

static enum error_code read_bool(struct yaml_reader *reader, const yaml_node_t *node, bool *target)
{
    if (is_plain(node) && str_eq(scalar_text(node), STR("true")))
        *target = true;
    else if (is_plain(node) && str_eq(scalar_text(node), STR("false")))
        *target = false;
    else
        return fail_expected(reader, node, "true or false");
    return OK;
}

static bool parse_ms(struct str text, uint64_t *ms)
{
    return str_to_u64(text, ms) || config_parse_duration(text, ms);
}

static enum error_code read_number(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                   uint64_t *target)
{
    static const struct {
        const char *expected;
        bool (*parse)(struct str text, uint64_t *value);
    } kinds[] = {
        [FIELD_UINT32] = {"an integer", str_to_u64},
        [FIELD_COUNT] = {"an integer", str_to_u64},
        [FIELD_SIZE] = {"a size (bytes, or with KiB, MiB or GiB)", config_parse_size},
        [FIELD_MS] = {"a duration (milliseconds, or with s, m or h)", parse_ms},
    };
    if (!is_plain(node) || !kinds[field->kind].parse(scalar_text(node), target))
        return fail_expected(reader, node, kinds[field->kind].expected);
    if (*target < field->low || *target > field->high)
        return fail(reader, node, "expected %" PRIu64 " to %" PRIu64 ", got %s", field->low, field->high,
                    show(scalar_text(node)).text);
    return OK;
}

static enum error_code read_real(struct yaml_reader *reader, const yaml_node_t *node, double *target)
{
    if (!is_plain(node) || !str_to_double(scalar_text(node), target) || !isfinite(*target) || *target < 0)
        return fail_expected(reader, node, "a number, zero or more");
    return OK;
}

static enum error_code read_pico(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                 uint64_t *target)
{
    if (!is_plain(node) || !config_parse_pico(scalar_text(node), target))
        return fail_expected(reader, node, "a number, zero or more, with at most 12 decimals");
    if (*target < field->low || *target > field->high)
        return fail(reader, node, "expected %g to %g, got %s", (double)field->low / 1e12, (double)field->high / 1e12,
                    show(scalar_text(node)).text);
    return OK;
}

static enum error_code read_choice(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                   unsigned *target)
{
    char expected[256];
    size_t len = 0;
    for (unsigned i = 0; field->choices[i]; i++) {
        if (node->type == YAML_SCALAR_NODE && str_eq(scalar_text(node), str_of(field->choices[i]))) {
            *target = i;
            return OK;
        }
        const char *joint = i == 0 ? "" : field->choices[i + 1] ? ", " : " or ";
        int more = snprintf(expected + len, sizeof(expected) - len, "%s%s", joint, field->choices[i]);
        len += (size_t)(more > 0 ? more : 0);
        if (len >= sizeof(expected))
            len = sizeof(expected) - 1;
    }
    return fail_expected(reader, node, expected);
}

/* --- lists --- */

static size_t sequence_count(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

/* Arrays are as long as the list; `max` bounds it. */
static enum error_code check_list(struct yaml_reader *reader, const yaml_node_t *node, size_t max, const char *what)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return fail_expected(reader, node, what);
    if (sequence_count(node) > max)
        return fail(reader, node, "expected at most %zu entries, got %zu", max, sequence_count(node));
    return OK;
}

static enum error_code read_strings(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                    char *parent)
{
    const char *what = field->kind == FIELD_FILES ? "a list of files" : "a list of strings";
    enum error_code code = check_list(reader, node, STRINGS_MAX, what);
    if (code)
        return code;
    size_t count = sequence_count(node);
    const char **items = ARENA_ARRAY(reader->arena, const char *, count + 1);
    if (!items)
        return error_no_memory(reader->error);
    for (size_t i = 0; i < count && !code; i++) {
        size_t mark = path_push(reader, "[%zu]", i);
        const yaml_node_t *item = node_of(reader, node->data.sequence.items.start[i]);
        code = field->kind == FIELD_FILES ? read_path(reader, item, field, &items[i])
                                          : read_string(reader, item, field, &items[i]);
        path_pop(reader, mark);
    }
    memcpy(parent + field->offset, &items, sizeof(items));
    memcpy(parent + field->count_offset, &count, sizeof(count));
    return code;
}

static const struct field *find_field(const struct field_table *table, struct str name);
static enum error_code read_field(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                  char *parent);

/* A mapping, or the value of its main key alone. */
static enum error_code read_item(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                 void *target)
{
    if (!field->short_form || node->type == YAML_MAPPING_NODE)
        return yaml_read_object(reader, node, field->table, target);
    return read_field(reader, node, find_field(field->table, str_of(field->short_form)), target);
}

static enum error_code read_objects(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                    char *parent)
{
    const char *what = field->short_form ? "a list of strings or mappings" : "a list of mappings";
    enum error_code code = check_list(reader, node, field->high, what);
    if (code)
        return code;
    size_t count = sequence_count(node);
    char *items = arena_array(reader->arena, count + 1, field->table->size);
    if (!items)
        return error_no_memory(reader->error);
    for (size_t i = 0; i < count && !code; i++) {
        size_t mark = path_push(reader, "[%zu]", i);
        code = read_item(reader, node_of(reader, node->data.sequence.items.start[i]), field,
                         items + i * field->table->size);
        path_pop(reader, mark);
    }
    memcpy(parent + field->offset, &items, sizeof(items));
    memcpy(parent + field->count_offset, &count, sizeof(count));
    return code;
}

/* --- mappings --- */

static enum error_code read_part(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                 void **target)
{
    *target = arena_array(reader->arena, 1, field->table->size);
    return *target ? yaml_read_object(reader, node, field->table, *target) : error_no_memory(reader->error);
}

static enum error_code read_field(struct yaml_reader *reader, const yaml_node_t *node, const struct field *field,
                                  char *parent)
{
    void *target = parent + field->offset;
    uint64_t number;
    enum error_code code;
    switch (field->kind) {
    case FIELD_STRING: return read_string(reader, node, field, target);
    case FIELD_STRINGS:
    case FIELD_FILES: return read_strings(reader, node, field, parent);
    case FIELD_PATH:
    case FIELD_FILE: return read_path(reader, node, field, target);
    case FIELD_BOOL: return read_bool(reader, node, target);
    case FIELD_UINT32:
        code = read_number(reader, node, field, &number);
        if (!code)
            *(uint32_t *)target = (uint32_t)number;
        return code;
    case FIELD_COUNT:
    case FIELD_SIZE:
    case FIELD_MS: return read_number(reader, node, field, target);
    case FIELD_REAL: return read_real(reader, node, target);
    case FIELD_PICO: return read_pico(reader, node, field, target);
    case FIELD_CHOICE: return read_choice(reader, node, field, target);
    case FIELD_OBJECT: return yaml_read_object(reader, node, field->table, target);
    case FIELD_PART: return read_part(reader, node, field, target);
    case FIELD_OBJECTS: return read_objects(reader, node, field, parent);
    case FIELD_CUSTOM: return field->custom(reader, node, parent);
    }
    return OK;
}

/* Levenshtein distance, for "did you mean". Both at most NAME_SHOWN_MAX bytes. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t row[NAME_SHOWN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replaced = corner + (a.data[i] != b.data[j]);
            size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            corner = row[j + 1];
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b.len];
}

static enum error_code fail_unknown_key(struct yaml_reader *reader, const yaml_node_t *key,
                                        const struct field_table *table)
{
    struct str name = scalar_text(key);
    const char *nearest = NULL;
    size_t best = name.len / 3 + 2; /* further away it is another word */
    char all[ERROR_MESSAGE_MAX / 2] = "";
    size_t len = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct str known = str_of(table->fields[i].name);
        size_t distance = name.len <= NAME_SHOWN_MAX ? edit_distance(name, known) : best;
        if (distance < best) {
            best = distance;
            nearest = table->fields[i].name;
        }
        if (len + known.len + 3 < sizeof(all))
            len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", known.data);
    }
    path_push_key(reader, name);
    if (nearest)
        return fail(reader, key, "unknown key, did you mean '%s'?", nearest);
    return fail(reader, key, "unknown key, expected one of: %s", all);
}

static const struct field *find_field(const struct field_table *table, struct str name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (str_eq(name, str_of(table->fields[i].name)))
            return &table->fields[i];
    }
    return NULL;
}

/* The value of `name`, searched up to the pair `end` (NULL: all of them). */
static const yaml_node_t *mapping_find(struct yaml_reader *reader, const yaml_node_t *mapping, struct str name,
                                       const yaml_node_pair_t *end)
{
    if (!end)
        end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *key = node_of(reader, pair->key);
        if (key->type == YAML_SCALAR_NODE && str_eq(scalar_text(key), name))
            return node_of(reader, pair->value);
    }
    return NULL;
}

static enum error_code read_pair(struct yaml_reader *reader, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                                 const struct field_table *table, void *target)
{
    const yaml_node_t *key = node_of(reader, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return fail(reader, key, "expected a name as key");
    const struct field *field = find_field(table, scalar_text(key));
    if (!field)
        return fail_unknown_key(reader, key, table);
    size_t mark = path_push_key(reader, scalar_text(key));
    enum error_code code;
    if (mapping_find(reader, mapping, scalar_text(key), pair))
        code = fail(reader, key, "this key stands here twice");
    else
        code = read_field(reader, node_of(reader, pair->value), field, target);
    path_pop(reader, mark);
    return code;
}

enum error_code yaml_read_object(struct yaml_reader *reader, const yaml_node_t *node, const struct field_table *table,
                                 void *target)
{
    if (node->type != YAML_MAPPING_NODE)
        return fail_expected(reader, node, "a mapping (key: value)");
    const yaml_node_pair_t *top = node->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < top; pair++) {
        enum error_code code = read_pair(reader, node, pair, table, target);
        if (code)
            return code;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].is_required && !mapping_find(reader, node, str_of(table->fields[i].name), NULL))
            return fail(reader, node, "the key '%s' is missing", table->fields[i].name);
    }
    return OK;
}

/* --- the document --- */

static enum error_code fail_syntax(struct yaml_reader *reader, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_no_memory(reader->error);
    char message[ERROR_MESSAGE_MAX];
    snprintf(message, sizeof(message), "not valid YAML: %s%s%s", parser->problem ? parser->problem : "unreadable",
             parser->context ? " " : "", parser->context ? parser->context : "");
    return fail_line(reader, parser->problem_mark.line + 1, "", message);
}

/* A second document would be configuration that nobody reads. */
static enum error_code check_single(struct yaml_reader *reader, yaml_parser_t *parser)
{
    yaml_document_t next;
    if (!yaml_document_get_root_node(&reader->document))
        return OK;
    if (!yaml_parser_load(parser, &next))
        return fail_syntax(reader, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    enum error_code code =
        root ? fail_line(reader, root->start_mark.line + 1, "", "a second YAML document begins; expected one") : OK;
    yaml_document_delete(&next);
    return code;
}

enum error_code yaml_reader_open(struct yaml_reader *reader, struct str text, const char *file, struct arena *arena,
                                 struct error *error)
{
    *reader = (struct yaml_reader){.arena = arena, .error = error, .file = file};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_no_memory(error);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""), text.len);
    enum error_code code;
    if (yaml_parser_load(&parser, &reader->document)) {
        code = check_single(reader, &parser);
        if (code)
            yaml_document_delete(&reader->document);
    } else {
        code = fail_syntax(reader, &parser);
    }
    yaml_parser_delete(&parser);
    return code;
}

void yaml_reader_close(struct yaml_reader *reader)
{
    yaml_document_delete(&reader->document);
}

enum error_code yaml_read_root(struct yaml_reader *reader, const struct field_table *table, void *target)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!root || is_null(root))
        return OK;
    return yaml_read_object(reader, root, table, target);
}

/* One step of a path: takes ".name" or "[3]" off *rest. NULL: no such node. */
static const yaml_node_t *path_step(struct yaml_reader *reader, const yaml_node_t *node, struct str *rest)
{
    size_t end = 1;
    while (end < rest->len && rest->data[end] != '.' && rest->data[end] != '[')
        end++;
    struct str step = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->len);
    if (step.data[0] == '[') {
        uint64_t idx;
        if (node->type != YAML_SEQUENCE_NODE || !str_to_u64(str_slice(step, 1, step.len - 1), &idx) ||
            idx >= sequence_count(node))
            return NULL;
        return node_of(reader, node->data.sequence.items.start[idx]);
    }
    if (step.data[0] == '.')
        step = str_slice(step, 1, step.len);
    return node->type == YAML_MAPPING_NODE ? mapping_find(reader, node, step, NULL) : NULL;
}

enum error_code yaml_fail_at(struct yaml_reader *reader, const char *path, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    const yaml_node_t *node = yaml_document_get_root_node(&reader->document);
    size_t line = 1;
    for (struct str rest = str_of(path); node; node = path_step(reader, node, &rest)) {
        line = node->start_mark.line + 1;
        if (rest.len == 0)
            break;
    }
    return fail_line(reader, line, path, message);
}
