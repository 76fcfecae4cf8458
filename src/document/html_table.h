/* html_table.h - columns of HTML tables while they are read, rowspan and colspan
 * kept. A cell that reaches over several rows stands in the first and leaves its
 * place empty in the others. One thread at a time. */
#ifndef DOCUMENT_HTML_TABLE_H
#define DOCUMENT_HTML_TABLE_H

#include "document/html_node.h"
#include "document/html_writer.h"

#define HTML_COLUMNS_MAX 256

struct html_table {
    unsigned short rows_left[HTML_COLUMNS_MAX]; /* that a cell above still reaches into */
    unsigned column;                            /* where the next cell may stand */
    unsigned tab;                               /* column of the cell before, up to which tabs are written */
    bool is_layout; /* this row: its cells are read one after the other, each on lines of its own */
};

/* Head first, foot last, wherever they stand in the text. False: no memory. */
bool html_table_sort(GumboNode *table);

void html_table_row(struct html_table *table, const GumboNode *row, struct html_writer *writer);
void html_table_cell(struct html_table *table, const GumboNode *cell, struct html_writer *writer);
void html_table_row_end(struct html_table *table, struct html_writer *writer);

#endif
