/* examine.h - what a model file's own chat template can do, and what it writes around content.
 *
 * It is found out once, when a model is loaded, by rendering conversations in a process of its own (jinja/ask.h). The
 * texts around content are taken from the simplest ones, and believed only if what chat/template.h makes of them equals
 * the template's own rendering of others, byte for byte. A prompt is then written without the template: no request's
 * content passes through it, and it can hold no request up. */
#ifndef JINJA_EXAMINE_H
#define JINJA_EXAMINE_H

#include "chat/template.h"

struct examined_source {
    struct str text;              /* Jinja */
    const char *begin, *end;      /* texts of the tokens that begin and end a sequence, "" without */
};

/* How much of one turn's prompt the next turn's begins with. */
enum examined_prefix {
    EXAMINED_KEEPS_ALL,
    EXAMINED_KEEPS_MESSAGES, /* all but what opens the reply, as a mark of reasoning that is not repeated */
    EXAMINED_KEEPS_LESS,     /* `kept` bytes of an example's `of` */
};

struct examination {
    bool is_usable;         /* it renders a user's message */
    bool has_system;        /* a system text comes before the first turn, or as a part of it */
    bool has_tools;         /* definitions are shown */
    bool has_calls, has_parallel_calls, has_results; /* of earlier turns */
    bool shows_reasoning;   /* of an earlier reply, where it is given apart */
    bool has_thinking_switch; /* enable_thinking changes something */
    bool has_effort;          /* reasoning_effort does */
    enum examined_prefix prefix;
    size_t kept, of;
    bool is_measured; /* `around` says what it writes for plain conversations, and that was proved */
    char hindrance[160]; /* why not, "" */
    struct template_generic around; /* in the arena */
};

/* Waits for the process. What is wrong with the template is no error: it is the hindrance. ERROR_UNAVAILABLE,
 * ERROR_NO_MEMORY. Any thread that may wait. */
enum error_code jinja_examine(const struct examined_source *source, struct arena *arena,
                              struct examination *examination, struct error *error) WARN_UNUSED;

#endif
