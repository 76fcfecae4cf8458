/* template.h - prompts that are the same text but for what was written into it: a time, a number, a name.
 *
 * The head of a prompt (its system text, or where it has none the beginning of its first message) is laid beside those
 * seen before for the same tenant and model. One that is mostly the same belongs to it; where the two part is kept: the
 * place, and what stands there. So a prefix that a single changing word breaks is found, and with it what breaks it.
 *
 * Memory is bounded by LIMIT_ADVISE_TEMPLATES. One thread. */
#ifndef ADVISE_TEMPLATE_H
#define ADVISE_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

#define TEMPLATE_NONE UINT16_MAX
#define TEMPLATE_SPANS 8
#define TEMPLATE_EXAMPLE 48
#define TEMPLATE_STEPS 64

enum template_change {
    CHANGE_TIME,
    CHANGE_DATE,
    CHANGE_UUID,
    CHANGE_ID,
    CHANGE_NUMBER,
    CHANGE_NAME,
    CHANGE_TEXT,
    CHANGE_TAIL, /* all that follows */
    CHANGES
};
extern const char *const template_change_names[CHANGES]; /* "a timestamp" */

/* A place where prompts of a template differ. */
struct template_span {
    uint32_t start, end; /* bytes of the reference */
    uint64_t count;      /* prompts that differ there */
    enum template_change kind;
    char example[TEMPLATE_EXAMPLE + 1];
};

struct template {
    uint32_t group;
    bool is_system; /* else the first message */
    char *text;     /* the reference: the first one seen */
    uint32_t len, whole; /* kept, and of the whole text */
    uint64_t hash;
    uint64_t count;
    struct template_span spans[TEMPLATE_SPANS];
    unsigned span_count;
    uint64_t steps[TEMPLATE_STEPS]; /* prompts by the share of the reference that they begin with */
    uint32_t least[TEMPLATE_STEPS]; /* bytes of it, the fewest of each step */
};

struct templates;
struct templates *templates_new(void); /* NULL: no memory */
void templates_free(struct templates *templates); /* NULL is legal */

struct template_match {
    uint16_t index; /* TEMPLATE_NONE: like no other, and no room for more */
    uint32_t same;  /* bytes from the start that are the reference's */
    uint32_t matched; /* bytes in all that are */
};
void templates_match(struct templates *templates, uint32_t group, bool is_system, struct str head,
                     struct template_match *match);

uint16_t templates_count(const struct templates *templates);
const struct template *templates_at(const struct templates *templates, uint16_t index);

/* So many bytes from the start nine of ten prompts of it have. */
uint32_t template_stable(const struct template *template);
/* Bytes of the reference that stay when what changes is moved behind it. */
uint32_t template_fixed(const struct template *template);
/* The first place that differs in at least one of twenty prompts, the tail not counted; NULL: none. */
const struct template_span *template_break(const struct template *template);
/* Characters (code points) before a byte of the reference. */
uint32_t template_character(const struct template *template, uint32_t byte);

/* --- its part: two texts beside each other --- */

struct template_alignment {
    uint32_t same, matched;
    unsigned count;
    struct template_piece {
        uint32_t start, end; /* of the reference */
    } pieces[TEMPLATE_SPANS];
};
void template_align(struct str reference, struct str text, struct template_alignment *alignment);
/* What stands at a place that changes: the bounds are widened to the whole of it. */
enum template_change template_classify(struct str text, uint32_t *start, uint32_t *end);

#endif
