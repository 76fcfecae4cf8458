/* docx_styles.h - what paragraphs and runs of a docx file inherit from
 * styles.xml (ECMA-376 part 1, 17.7): heading levels, lists, hidden and struck
 * out text, raised and lowered text, fonts of signs.
 *
 * Everything lives in the package's arena. One thread at a time. */
#ifndef DOCUMENT_DOCX_STYLES_H
#define DOCUMENT_DOCX_STYLES_H

#include "document/docx_symbols.h"
#include "document/package.h"

enum docx_toggle { DOCX_UNSET, DOCX_ON, DOCX_OFF };
enum docx_script { DOCX_SCRIPT_UNSET, DOCX_BASELINE, DOCX_RAISED, DOCX_LOWERED };

/* Of a run's properties those that change what someone reads. */
struct docx_look {
    enum docx_toggle hidden, struck;
    enum docx_script script;
    enum symbol_font font;
    bool has_font;
};

struct docx_style {
    struct str id, based_on;
    int heading; /* 1 to 9; 0: none */
    bool has_number, has_level;
    int number_id, level; /* of the list */
    struct docx_look look;
    struct docx_style *next;
};

struct docx_styles {
    struct package *package;
    struct docx_style *styles;
    struct str default_style; /* of paragraphs that name none */
    size_t count;
    unsigned conditional; /* depth inside the part of a table's style that is for some cells only */
    bool is_out_of_memory;
};

/* A part that is missing leaves them empty. */
enum error_code docx_styles_load(struct docx_styles *styles, struct package *package,
                                 const struct package_relation *relations, struct error *error) WARN_UNUSED;

/* The nearest value along basedOn; an ID of no bytes is that of the default style. */
int docx_style_heading(const struct docx_styles *styles, struct str id);

/* number_id is 0 for none, level -1 when no style says it. */
void docx_style_list(const struct docx_styles *styles, struct str id, int *number_id, int *level);

/* Of a run with its own style in a paragraph with its own, and its direct properties over both. */
struct docx_look docx_style_look(const struct docx_styles *styles, struct str paragraph, struct str run,
                                 const struct docx_look *direct);

/* Takes one property of a run; false: it is none of these. */
bool docx_look_read(struct docx_look *look, struct str name, const struct xml_element *element);

/* An attribute `val` that holds an integer, or `otherwise`. */
int docx_integer(const struct xml_element *element, int otherwise);
int docx_to_integer(struct str text, int otherwise);

/* An attribute `val` of a property that is on when it is there. */
bool docx_is_on(const struct xml_element *element);

/* NUL-terminated, cut at `cap`. */
void docx_copy_text(struct str text, char *out, size_t cap);

#endif
