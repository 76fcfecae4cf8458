/* docx_math.h - equations of a docx file (ECMA-376 part 1, 22.1) in one line:
 * (a+b)/2, x^2, sqrt(x), the sum sign with its bounds. One thread at a time.
 *
 * The reader hands over every element inside m:oMath. Parts of an equation are
 * written one after the other; what stands between them, and parentheses around
 * a part that is more than one thing, follow from where they are. */
#ifndef DOCUMENT_DOCX_MATH_H
#define DOCUMENT_DOCX_MATH_H

#include "core/buf.h"
#include "document/package.h"

#define DOCX_MATH_DEPTH 64 /* deeper parts are read without signs */
#define DOCX_MATH_SIGN_MAX 16

struct docx_math_frame {
    int kind;
    bool is_part;    /* an operand of the frame before: num, e, sup... */
    size_t start;    /* of its text */
    unsigned parts;  /* operands so far */
    char sign[DOCX_MATH_SIGN_MAX], separator[DOCX_MATH_SIGN_MAX], end[DOCX_MATH_SIGN_MAX];
    bool has_sign;   /* written */
    char degree[32]; /* of a root */
};

struct docx_math {
    struct buf text;
    struct docx_math_frame frames[DOCX_MATH_DEPTH];
    unsigned depth;   /* of elements inside m:oMath, also beyond DOCX_MATH_DEPTH */
    unsigned hidden;  /* depth inside what is not shown */
    bool is_text;
    bool needs_space; /* before a letter or digit: x^2 y is not x^2y, 1/2 x not 1/2x */
};

void docx_math_init(struct docx_math *math);
void docx_math_deinit(struct docx_math *math);

/* Begins an equation; the text so far is dropped. */
void docx_math_begin(struct docx_math *math);
void docx_math_start(struct docx_math *math, struct str name, const struct xml_element *element);
void docx_math_end(struct docx_math *math, struct str name);
void docx_math_text(struct docx_math *math, struct str text);

#endif
