/* table_text.c - see table_text.h. */
#include "advise/table_text.h"

/* Where the row's line feed is: the first outside of quotes. False: not in this text. */
static bool find_end(struct str text, size_t *end)
{
    bool is_inside = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            is_inside = !is_inside;
        else if (text.data[i] == '\n' && !is_inside) {
            *end = i;
            return true;
        }
    }
    return false;
}

/* The inside of quotes, of which two stand for one. */
static bool unquote(struct str quoted, struct arena *arena, struct str *cell)
{
    char *text = arena_alloc(arena, quoted.len + 1);
    size_t len = 0;
    if (!text)
        return false;
    for (size_t i = 0; i < quoted.len; i++) {
        text[len++] = quoted.data[i];
        i += quoted.data[i] == '"' && i + 1 < quoted.len && quoted.data[i + 1] == '"';
    }
    *cell = (struct str){text, len};
    return true;
}

/* One cell, with the comma behind it. */
static bool take_cell(struct str *line, struct arena *arena, struct str *cell, bool *is_last)
{
    size_t end = 0;
    if (line->len > 0 && *line->data == '"') {
        bool is_inside = false;
        for (; end < line->len && (is_inside || line->data[end] != ','); end++)
            is_inside ^= line->data[end] == '"';
        struct str inner = str_slice(*line, 1, end);
        if (inner.len > 0 && inner.data[inner.len - 1] == '"')
            inner.len--;
        if (!unquote(inner, arena, cell))
            return false;
    } else {
        const ptrdiff_t comma = str_find_char(*line, ',', 0);
        end = comma < 0 ? line->len : (size_t)comma;
        *cell = str_slice(*line, 0, end);
    }
    *is_last = end >= line->len;
    *line = str_slice(*line, end + 1, line->len);
    return true;
}

enum table_take table_take_row(struct str *text, bool is_last, struct arena *arena, struct table_row *row)
{
    size_t end = text->len;
    bool was_last = false;
    row->count = 0;
    if (!find_end(*text, &end) && !is_last)
        return TABLE_MORE;
    struct str line = str_slice(*text, 0, end);
    *text = str_slice(*text, end + 1, text->len);
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    while (!was_last) {
        if (row->count == LIMIT_ADVISE_TABLE_COLUMNS ||
            !take_cell(&line, arena, &row->cells[row->count++], &was_last))
            return TABLE_BAD;
    }
    return TABLE_ROW;
}
