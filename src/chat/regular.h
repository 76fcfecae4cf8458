/* regular.h - sets of strings: made from regular expressions, joined, cut with
 * each other, turned around, matched, and unrolled into a machine.
 *
 * A set is a number: equal terms have the same one, so a derivative (what may
 * follow after a character) that was met before is known as such, which bounds
 * the machine. Strings hold the characters that a JSON string is made of here:
 * no surrogates, no control characters but \b \t \n \f \r.
 *
 * Failure is sticky (regular_failed): out of memory, or more terms than
 * allowed. One thread at a time. */
#ifndef CHAT_REGULAR_H
#define CHAT_REGULAR_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

typedef uint32_t regular_set;

#define REGULAR_NOTHING 0u /* no string */
#define REGULAR_EMPTY 1u   /* the empty string alone */
#define REGULAR_UNBOUNDED UINT32_MAX

struct regular_range {
    uint32_t low, high;
};

enum regular_kind {
    REGULAR_NONE,
    REGULAR_EPSILON,
    REGULAR_BEGIN, /* ^ and $, gone once a pattern is read */
    REGULAR_END,
    REGULAR_CLASS,
    REGULAR_SEQUENCE,
    REGULAR_EITHER,
    REGULAR_BOTH,
    REGULAR_NOT,
    REGULAR_REPEAT,
};

struct regular_term {
    enum regular_kind kind;
    regular_set a, b;    /* operands; of a class: its first range, and how many */
    uint32_t min, max;   /* of a repetition */
    bool has_empty;      /* the empty string is in it */
    bool has_marks;      /* BEGIN or END somewhere inside */
    uint32_t shortest, longest; /* characters, at least and at most; UNBOUNDED */
};

struct regular {
    struct regular_term *terms;
    size_t count, cap, max;
    struct regular_range *ranges;
    size_t range_count, range_cap;
    uint32_t *slots; /* hash table of terms */
    size_t slot_cap;
    struct regular_memo *memo; /* derivatives that are known */
    size_t memo_count, memo_cap;
    bool is_out_of_memory, is_too_large;
};

bool regular_init(struct regular *regular, size_t terms_max);
void regular_deinit(struct regular *regular);
static inline bool regular_failed(const struct regular *regular)
{
    return regular->is_out_of_memory || regular->is_too_large;
}

regular_set regular_class(struct regular *regular, const struct regular_range *ranges, size_t count);
regular_set regular_character(struct regular *regular); /* any one */
regular_set regular_text(struct regular *regular, struct str utf8);
regular_set regular_mark(struct regular *regular, enum regular_kind begin_or_end);
regular_set regular_sequence(struct regular *regular, regular_set a, regular_set b);
regular_set regular_either(struct regular *regular, regular_set a, regular_set b);
regular_set regular_both(struct regular *regular, regular_set a, regular_set b);
regular_set regular_not(struct regular *regular, regular_set a);
regular_set regular_repeat(struct regular *regular, regular_set a, uint32_t min, uint32_t max);
/* Without its marks: strings between a BEGIN at the front and an END at the end. */
regular_set regular_without_marks(struct regular *regular, regular_set a);

/* What may follow after `c`. */
regular_set regular_after(struct regular *regular, regular_set a, uint32_t c);
bool regular_matches(struct regular *regular, regular_set a, struct str utf8);

/* Reads a regular expression of ECMA 262 or Python as JSON schema uses them: a
 * string that holds a match is in the set. Where dialects disagree on a class
 * (\d, \w, \s, . outside ASCII) the set is what all agree on, with is_wide what
 * any of them takes. False with *what and *at when it holds something that is
 * no regular set or not understood (back-references, \b). */
bool regular_parse(struct regular *regular, struct str pattern, bool is_wide, regular_set *set, const char **what,
                   size_t *at);

/* The set as a machine: from each state a class of characters leads to another.
 * States that lead to no end are left out. */
struct regular_edge {
    uint32_t first_range, range_count; /* into ranges */
    uint32_t to;
};
struct regular_state {
    uint32_t first_edge, edge_count;
    bool is_end;
};
struct regular_machine {
    struct regular_state *states; /* the first is where it begins; none: the set is empty */
    size_t state_count;
    struct regular_edge *edges;
    size_t edge_count, edge_cap;
    struct regular_range *ranges;
    size_t range_count, range_cap;
};
enum regular_outcome { REGULAR_MADE, REGULAR_TOO_MANY_STATES, REGULAR_FAILED };
enum regular_outcome regular_machine_make(struct regular *regular, regular_set a, size_t states_max,
                                          struct regular_machine *machine);
void regular_machine_deinit(struct regular_machine *machine);

#endif
