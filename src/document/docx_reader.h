/* docx_reader.h - the elements of one part of a docx file, handed to a writer:
 * what a paragraph begins with, which runs are shown, fields, equations, notes,
 * text boxes. One thread at a time. */
#ifndef DOCUMENT_DOCX_READER_H
#define DOCUMENT_DOCX_READER_H

#include "document/docx_field.h"
#include "document/docx_math.h"
#include "document/docx_numbering.h"
#include "document/docx_writer.h"

#define DOCX_NOTES_MAX 4096
#define DOCX_RUBY_MAX 128
#define DOCX_STYLE_ID_MAX 128

/* Notes in the order in which the text calls them, which is how they are numbered. */
struct docx_notes {
    int ids[DOCX_NOTES_MAX];
    int count;
};

struct docx_paragraph {
    struct str style; /* into the reader's space */
    bool has_number;  /* its own, not the style's */
    int heading, number_id, level;
    bool is_mark_gone; /* deleted or hidden: an empty one is not there */
    bool is_open;      /* its beginning is not decided yet */
};

struct docx_reader {
    struct docx_writer writer;
    const struct docx_styles *styles;
    struct docx_numbering *numbering;
    struct docx_notes footnotes, endnotes;
    /* A part of the file in place of an element; from the reader's owner. */
    bool (*read_embedded)(void *ctx, struct str relation);
    void *ctx;
    bool has_body; /* the part is the main one of a Word file */
    /* Where we are. */
    unsigned skipped; /* depth inside an element that is left out */
    unsigned properties; /* depth inside pPr */
    unsigned runs;
    bool is_text; /* inside w:t */
    bool is_row_properties; /* inside trPr */
    struct docx_paragraph paragraph;
    bool is_joined; /* the last paragraph's mark is gone: the next one goes on in its line */
    char style_space[DOCX_STYLE_ID_MAX], run_style[DOCX_STYLE_ID_MAX];
    char note[32]; /* what the next paragraph begins with */
    /* The run. */
    struct docx_look direct, look;
    bool is_look_known;
    struct docx_fields fields;
    struct docx_math math;
    unsigned math_depth;
    bool is_ruby; /* inside the annotation, which comes before its base */
    char ruby[DOCX_RUBY_MAX];
    /* A text box: the paragraph around it goes on behind it, and its text follows that. */
    unsigned boxes; /* in each other */
    struct docx_writer outer;
    struct docx_paragraph outer_paragraph;
    char outer_style[DOCX_STYLE_ID_MAX];
    struct buf box;
};

/* `out` gets the text; styles and numbering are borrowed. */
void docx_reader_init(struct docx_reader *reader, struct buf *out, const struct docx_styles *styles,
                      struct docx_numbering *numbering);
void docx_reader_deinit(struct docx_reader *reader);

/* Before each part: forgets where it was; the writer stays. */
void docx_reader_begin(struct docx_reader *reader);

extern const struct xml_handler docx_handler; /* its ctx is the reader */

#endif
