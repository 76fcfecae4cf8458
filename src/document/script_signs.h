/* script_signs.h - raised and lowered text in one line: 10^6 is not 106, and
 * log_2 8 not log28; but 1st, [3] and H2O stay as they are. Pure functions, any
 * thread. */
#ifndef DOCUMENT_SCRIPT_SIGNS_H
#define DOCUMENT_SCRIPT_SIGNS_H

#include <stdbool.h>

#include "core/str.h"

struct script_signs {
    const char *open, *close; /* around the text */
    bool needs_space;         /* behind it */
};

/* `last` stands directly before the text, '\n' or ' ' when nothing does, `next` directly behind it, '^' when
 * that is raised or lowered itself. */
struct script_signs script_signs(struct str text, bool is_raised, char last, char next);

#endif
