/* html_writer.h - white space as a browser lays it out.
 *
 * Blanks, lines and tabs are owed until the next visible character, so that
 * runs collapse, a line never ends in blanks and nothing stands at the ends of
 * the text. Inside a row of a table lines become blanks: a row is one line, its
 * cells are separated by tabs. Begins as {.out = ..., .is_line_start = true}. One
 * thread at a time. */
#ifndef DOCUMENT_HTML_WRITER_H
#define DOCUMENT_HTML_WRITER_H

#include "document/text_out.h"

#define HTML_MARKER_MAX 96
#define HTML_BLANKS_MAX 256 /* more in a row are as good as that many */

struct html_writer {
    struct text_out out;
    bool owes_space, owes_line;
    unsigned owed_tabs;
    bool is_line_start;
    bool is_row;              /* lines become blanks */
    unsigned pre;             /* depth: white space counts */
    unsigned owed_pre_lines;  /* of pre, one by one */
    char blanks[HTML_BLANKS_MAX]; /* of pre: what stands behind them, before the next character */
    size_t blank_count;
    char marker[HTML_MARKER_MAX]; /* of a list item, put before its first character */
};

/* UTF-8, in which white space collapses unless `pre`. Characters that show nothing are left out. */
void html_put(struct html_writer *writer, struct str text);

/* Directly behind what was written last, before blanks that are owed: a closing bracket. */
void html_put_close(struct html_writer *writer, struct str text);

void html_space(struct html_writer *writer); /* at least a blank before what comes */
void html_line(struct html_writer *writer);  /* a new line before what comes */
void html_marker(struct html_writer *writer, struct str text);

/* What the next character would follow directly: '\n' at the beginning of a line, ' ' where a blank is owed. */
char html_last(const struct html_writer *writer);

#endif
