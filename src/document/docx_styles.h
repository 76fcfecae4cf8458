/* docx_styles.h - what paragraphs of a docx file inherit: heading levels from
 * styles.xml, list labels from numbering.xml (ECMA-376 part 1, 17.7 and 17.9).
 *
 * Everything lives in the package's arena. One thread at a time. */
#ifndef DOCUMENT_DOCX_STYLES_H
#define DOCUMENT_DOCX_STYLES_H

#include "document/package.h"

#define DOCX_LEVELS 9
#define DOCX_LABEL_MAX 64

struct docx_style {
    struct str id, based_on;
    int heading;   /* 1 to 9; 0: none */
    int number_id; /* of the list; 0: none */
    int level;     /* in the list */
    struct docx_style *next;
};

struct docx_level {
    char format[16]; /* numFmt: "decimal", "bullet"... */
    char text[32];   /* lvlText: "%1.%2" */
    int start;
};

struct docx_abstract {
    int id;
    struct docx_level levels[DOCX_LEVELS];
    struct docx_abstract *next;
};

struct docx_number {
    int id, abstract_id;
    int counters[DOCX_LEVELS]; /* how far the list has come */
    bool is_used[DOCX_LEVELS];
    struct docx_number *next;
};

struct docx_styles {
    struct package *package;
    struct docx_style *styles;
    struct docx_abstract *abstracts;
    struct docx_number *numbers;
    size_t count; /* of all three, bounded */
    bool is_out_of_memory;
    bool is_in_number_override; /* only while parsing: of the level being read */
    struct docx_level *level;
};

/* Parts that are missing leave the tables empty. */
enum error_code docx_styles_load(struct docx_styles *styles, struct package *package,
                                 const struct package_relation *relations, struct error *error) WARN_UNUSED;

/* The nearest value along basedOn. */
int docx_style_heading(const struct docx_styles *styles, struct str id);
void docx_style_list(const struct docx_styles *styles, struct str id, int *number_id, int *level);

/* Counts the list one on and writes its label ("-", "2.", "1.3)"), "" for a list without. */
void docx_label(struct docx_styles *styles, int number_id, int level, char out[DOCX_LABEL_MAX]);

/* An attribute `val` that holds an integer, or `otherwise`. */
int docx_integer(const struct xml_element *element, int otherwise);

#endif
