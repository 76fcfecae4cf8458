/* docx_numbering.h - labels of list items in a docx file, by numbering.xml
 * (ECMA-376 part 1, 17.9).
 *
 * A paragraph names a list (num) and a level. A list is an instance of an
 * abstract definition, which owns the counters: two instances of one go on
 * counting together, unless one of them says where it starts. Everything lives
 * in the package's arena. One thread at a time. */
#ifndef DOCUMENT_DOCX_NUMBERING_H
#define DOCUMENT_DOCX_NUMBERING_H

#include "document/counting.h"
#include "document/docx_styles.h"

#define DOCX_LEVELS 9
#define DOCX_LABEL_MAX 192

struct docx_level {
    enum { LEVEL_COUNTED, LEVEL_BULLET, LEVEL_NONE } kind;
    enum counting way;
    int zeros;     /* digits at least */
    char text[64]; /* lvlText: "%1.%2" */
    enum symbol_font font;
    int start;
    int restart;   /* -1: behind any higher level; 0: never; n: behind levels up to n, from 1 */
    bool is_legal; /* all counts in decimal digits */
    struct str style; /* of paragraphs that have this level */
};

struct docx_abstract {
    int id;
    struct docx_level levels[DOCX_LEVELS];
    struct str style_link; /* the style that has the levels instead */
    int counters[DOCX_LEVELS];
    bool is_used[DOCX_LEVELS];
    struct docx_abstract *next;
};

struct docx_number {
    int id, abstract_id;
    struct docx_level *levels[DOCX_LEVELS]; /* its own, in place of the abstract's */
    int starts[DOCX_LEVELS];                /* where it starts, -1: it does not say */
    bool has_started[DOCX_LEVELS];
    struct docx_number *next;
};

struct docx_numbering {
    struct package *package;
    const struct docx_styles *styles;
    struct docx_abstract *abstracts;
    struct docx_number *numbers;
    size_t count; /* of both, bounded */
    bool is_out_of_memory;
    /* Only while parsing. */
    struct docx_level *level;
    bool is_number, is_fixed_format;
    int index;
    unsigned skipped;
};

enum error_code docx_numbering_load(struct docx_numbering *numbering, struct package *package,
                                    const struct docx_styles *styles, const struct package_relation *relations,
                                    struct error *error) WARN_UNUSED;

/* The level of a paragraph whose style does not say it: the one that names the style, else 0. */
int docx_numbering_level_of(const struct docx_numbering *numbering, int number_id, struct str style);

/* Counts the list one on and writes its label ("-", "2.", "1.3)"), "" for a level without. */
void docx_label(struct docx_numbering *numbering, int number_id, int level, char out[DOCX_LABEL_MAX]);

#endif
