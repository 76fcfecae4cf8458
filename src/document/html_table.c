/* html_table.c - counts columns while a table is read, so that cells come under their headings. Writes nothing
 * itself. See html_table.h. */
#include "document/html_table.h"

#include "core/mem.h"

/* A cell over a thousand columns is only meant to be as wide as the table. */
#define SPAN_MAX 100

static unsigned rank_of(const GumboNode *part)
{
    return html_node_is(part, GUMBO_TAG_CAPTION) ? 0
           : html_node_is(part, GUMBO_TAG_THEAD) ? 1
           : html_node_is(part, GUMBO_TAG_TFOOT) ? 3
                                                 : 2;
}

bool html_table_sort(GumboNode *table)
{
    GumboVector *parts = &table->v.element.children;
    bool is_sorted = true;
    for (unsigned i = 1; i < parts->length; i++)
        is_sorted = is_sorted && rank_of(parts->data[i - 1]) <= rank_of(parts->data[i]);
    if (is_sorted)
        return true;
    void **sorted = mem_calloc(parts->length, sizeof(*sorted));
    if (!sorted)
        return false;
    unsigned count = 0;
    for (unsigned rank = 0; rank < 4; rank++)
        for (unsigned i = 0; i < parts->length; i++)
            if (rank_of(parts->data[i]) == rank)
                sorted[count++] = parts->data[i];
    for (unsigned i = 0; i < count; i++) {
        GumboNode *part = parts->data[i] = sorted[i];
        part->index_within_parent = i;
    }
    mem_free(sorted);
    return true;
}

void html_table_row(struct html_table *table, const GumboNode *row, struct html_writer *writer)
{
    static const GumboTag lines[] = {GUMBO_TAG_TABLE, GUMBO_TAG_PRE, GUMBO_TAG_TEXTAREA};
    table->column = table->tab = 0;
    table->is_layout = html_node_holds(row, lines, sizeof(lines) / sizeof(lines[0]));
    html_line(writer);
    writer->is_row = !table->is_layout;
}

static void skip_spanned(struct html_table *table)
{
    while (table->column < HTML_COLUMNS_MAX && table->rows_left[table->column] > 0)
        table->rows_left[table->column++]--;
}

static int span_of(const GumboNode *cell, const char *name, int max)
{
    int span = html_node_integer(cell, name, 1);
    return span < 1 ? 1 : span > max ? max : span;
}

void html_table_cell(struct html_table *table, const GumboNode *cell, struct html_writer *writer)
{
    int rows = html_node_integer(cell, "rowspan", 1) == 0 ? UINT16_MAX : span_of(cell, "rowspan", UINT16_MAX);
    skip_spanned(table);
    if (table->is_layout)
        html_line(writer);
    else
        writer->owed_tabs += table->column - table->tab;
    table->tab = table->column;
    for (int i = span_of(cell, "colspan", SPAN_MAX); i > 0; i--, table->column++)
        if (table->column < HTML_COLUMNS_MAX)
            table->rows_left[table->column] = (unsigned short)(rows - 1);
}

void html_table_row_end(struct html_table *table, struct html_writer *writer)
{
    while (table->column < HTML_COLUMNS_MAX) {
        skip_spanned(table);
        table->column++;
    }
    writer->owed_tabs = 0;
    writer->is_row = false;
    html_line(writer);
}
