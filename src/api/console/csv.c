/* Lists of the console's API as comma-separated values, made of their JSON. See reply.h. */
#include <stdio.h>

#include "api/console/reply.h"
#include "core/csv.h"
#include "core/json.h"

#define COLUMNS_MAX 128
#define COLUMN_NAME_MAX 128
#define COLUMNS_DEPTH 8 /* objects inside each other that are flattened; deeper ones are JSON */

struct column {
    char name[COLUMN_NAME_MAX]; /* "today.costDollars" */
    yyjson_val *value;          /* of the row at hand; NULL: it has none */
};

struct columns {
    struct column items[COLUMNS_MAX];
    size_t count;
};

static struct column *column_of(struct columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (!strcmp(columns->items[i].name, name))
            return &columns->items[i];
    if (columns->count == COLUMNS_MAX)
        return NULL;
    struct column *made = &columns->items[columns->count++];
    (void)snprintf(made->name, sizeof(made->name), "%s", name);
    return made;
}

/* The members of an object, each to its column. Members past COLUMNS_MAX are left out: no row here has so many. */
static void spread(struct columns *columns, const char *prefix, yyjson_val *object, unsigned depth)
{
    size_t idx, max;
    yyjson_val *key, *value;
    json_obj_foreach(object, idx, max, key, value)
    {
        char name[COLUMN_NAME_MAX];
        (void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", yyjson_get_str(key));
        if (yyjson_is_obj(value) && depth < COLUMNS_DEPTH) {
            spread(columns, name, value, depth + 1);
            continue;
        }
        struct column *column = column_of(columns, name);
        if (column)
            column->value = value;
    }
}

static bool is_number(struct str text)
{
    double number;
    return str_to_double(text, &number);
}

static void append_text(struct buf *out, struct str text)
{
    struct buf guarded;
    const bool is_formula = text.len > 0 && strchr("=+-@\t\r", text.data[0]) && !is_number(text);
    if (!is_formula) {
        csv_append(out, text);
        return;
    }
    buf_init(&guarded, text.len + 64);
    buf_append_char(&guarded, '\'');
    buf_append_str(&guarded, text);
    csv_append(out, buf_str(&guarded));
    out->failed = out->failed || guarded.failed;
    buf_deinit(&guarded);
}

static void append_value(struct buf *out, yyjson_val *value)
{
    struct buf text;
    if (!value || yyjson_is_null(value))
        return;
    if (yyjson_is_str(value)) {
        append_text(out, json_str(value));
        return;
    }
    buf_init(&text, out->max);
    if (json_append(&text, value))
        csv_append(out, buf_str(&text));
    else
        out->failed = true;
    buf_deinit(&text);
}

static void append_row(struct buf *out, struct columns *columns, yyjson_val *row)
{
    for (size_t i = 0; i < columns->count; i++)
        columns->items[i].value = NULL;
    spread(columns, "", row, 0);
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        append_value(out, columns->items[i].value);
    }
    buf_append_text(out, "\n");
}

/* Twice over the rows: the head has to name the members of all. */
static void append_rows(struct buf *out, struct columns *columns, yyjson_val *rows)
{
    size_t idx, max;
    yyjson_val *row;
    yyjson_arr_foreach(rows, idx, max, row) spread(columns, "", row, 0);
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        csv_append(out, str_of(columns->items[i].name));
    }
    buf_append_text(out, "\n");
    yyjson_arr_foreach(rows, idx, max, row) append_row(out, columns, row);
}

enum error_code console_csv(struct str json, const char *list, struct buf *out, struct error *error)
{
    yyjson_doc *doc = NULL;
    struct columns *columns = mem_calloc(1, sizeof(*columns));
    enum error_code code = columns ? json_parse_exact(json, &doc, error) : error_no_memory(error);
    yyjson_val *rows = code == OK ? yyjson_obj_get(yyjson_doc_get_root(doc), list) : NULL;
    if (code == OK && !yyjson_is_arr(rows))
        code = error_set(error, ERROR_INTERNAL, "an answer of the console has no list '%s'", list);
    if (code == OK)
        append_rows(out, columns, rows);
    if (code == OK && out->failed)
        code = error_no_memory(error);
    json_free(doc);
    mem_free(columns);
    return code;
}
