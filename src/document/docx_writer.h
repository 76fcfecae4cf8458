/* docx_writer.h - paragraphs and tables of a docx file as lines.
 *
 * A paragraph begins with its first visible character, so that what shows
 * nothing leaves nothing: then come the marks of a heading, the label of a list.
 * Tabs and line breaks are owed until something follows. In a table paragraphs
 * of a cell are separated by blanks, cells by tabs; a table in a cell has lines
 * of its own, and so have the cells behind it. One thread at a time. */
#ifndef DOCUMENT_DOCX_WRITER_H
#define DOCUMENT_DOCX_WRITER_H

#include "document/docx_styles.h"
#include "document/text_out.h"

#define DOCX_TABLES_MAX 16 /* in each other; deeper ones are text of their cell */
#define DOCX_OWED_MAX 64
#define DOCX_SCRIPT_MAX 128
#define DOCX_PREFIX_MAX 256

struct docx_table {
    bool owes_line;     /* before what comes: a new row, or something behind an inner table */
    bool is_broken;     /* this row holds a table: its cells are not separated by tabs any more */
    bool has_cell_text; /* this cell */
    unsigned owed_tabs; /* cells since the last text of this row */
    unsigned cells, span;
};

struct docx_writer {
    struct text_out out;
    unsigned line_ends; /* at the end of the output, 2 at its beginning */
    struct docx_table tables[DOCX_TABLES_MAX];
    unsigned depth; /* of tables, also beyond the maximum */
    /* The paragraph. */
    bool has_begun, is_heading;
    bool is_silent; /* it shows nothing on purpose: no empty line stands for it */
    char prefix[DOCX_PREFIX_MAX]; /* what it begins with */
    char owed[DOCX_OWED_MAX];     /* tabs and line breaks */
    size_t owed_len;
    bool is_struck;
    enum docx_script script; /* raised or lowered text that waits for the next character */
    char script_text[DOCX_SCRIPT_MAX];
    size_t script_len;
};

void docx_writer_init(struct docx_writer *writer, struct buf *out);

void docx_start_paragraph(struct docx_writer *writer);
/* In front of its first character; before that. */
void docx_set_prefix(struct docx_writer *writer, struct str prefix, bool is_heading);
void docx_end_paragraph(struct docx_writer *writer);

void docx_put(struct docx_writer *writer, struct str text, const struct docx_look *look); /* look NULL: plain */
void docx_put_tab(struct docx_writer *writer);
void docx_put_break(struct docx_writer *writer);
/* The prefix alone, of a paragraph without text: an empty cell with a number. */
void docx_put_prefix(struct docx_writer *writer);

void docx_end_line(struct docx_writer *writer);   /* unless at the beginning of one */
void docx_blank_line(struct docx_writer *writer); /* and an empty one */

void docx_start_table(struct docx_writer *writer);
void docx_end_table(struct docx_writer *writer);
void docx_start_row(struct docx_writer *writer);
void docx_end_row(struct docx_writer *writer);
void docx_start_cell(struct docx_writer *writer);
void docx_drop_cell(struct docx_writer *writer);              /* no column stands for it */
void docx_set_span(struct docx_writer *writer, int columns);  /* of the cell */
void docx_skip_columns(struct docx_writer *writer, int columns); /* before the first cell */

#endif
