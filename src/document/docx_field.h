/* docx_field.h - fields of a docx file (ECMA-376 part 1, 17.16): what they show
 * is read, what computes it is not. One thread at a time.
 *
 * A field is a beginning, its code, a separator, its result and an end, spread
 * over runs; fields stand in each other. Form fields, symbols and old equations
 * have no result in the file: what they show follows from their data. */
#ifndef DOCUMENT_DOCX_FIELD_H
#define DOCUMENT_DOCX_FIELD_H

#include "document/docx_symbols.h"
#include "document/package.h"

#define DOCX_FIELDS_MAX 32 /* in each other */
#define DOCX_FIELD_TEXT_MAX 256

struct docx_field {
    bool is_code;       /* before the separator */
    bool is_check_box, is_checked, is_list;
    bool has_result; /* something is shown behind the separator */
    int chosen, entry;  /* of a list: its index, and that of the next entry */
    char text[DOCX_FIELD_TEXT_MAX]; /* of a list the entry chosen, else the code */
};

struct docx_fields {
    struct docx_field fields[DOCX_FIELDS_MAX];
    unsigned depth;  /* also beyond the maximum */
    bool is_instruction; /* inside instrText */
};

/* At the end of a paragraph: a code goes no further, so that a field whose end is missing hides nothing else. */
void docx_fields_end_paragraph(struct docx_fields *fields);

/* True while text belongs to a code. */
bool docx_fields_hide(const struct docx_fields *fields);

/* Takes an element; false: it is not of a field. */
bool docx_fields_start(struct docx_fields *fields, struct str name, const struct xml_element *element);

/* Text is shown: if it is inside a field, the field has a result. */
void docx_fields_shown(struct docx_fields *fields);

/* Text of an element that docx_fields_start took. */
void docx_fields_text(struct docx_fields *fields, struct str text);

/* At the end of a field (fldChar end): what it shows without a result; "" for nothing. */
struct str docx_fields_end(struct docx_fields *fields, char space[DOCX_FIELD_TEXT_MAX + 8]);

#endif
