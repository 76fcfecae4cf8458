/* demo_ask.h - asks a server the requests of a demo's day, as any client would: conversations turn by turn with the
 * answers that came before, and the night's notes live. One thread. */
#ifndef CMD_DEMO_ASK_H
#define CMD_DEMO_ASK_H

#include "core/buf.h"
#include "demo/figures.h"

#define DEMO_TAG "task" /* of requestMetadata: what is asked for */
#define DEMO_TAG_TURN "turn"

struct demo_ask {
    const struct demo_day *day;
    size_t first; /* number of the day's first conversation among those of all days */
    struct demo_figures *figures;
    enum demo_phase phase;
    const char *endpoint, *model;
    size_t note;           /* which of a conversation's notes, where notes are asked */
    bool has_marks;        /* cache points behind the system prompt and behind the last message */
    struct buf *log;       /* gets a record of each request, in the form of the service's invocation log; NULL: none */
    void (*judge)(void *ctx, double confidence); /* how sure the model is of each answer; NULL: nobody asks */
    void (*progress)(void *ctx, size_t done); /* requests of this call; NULL is legal */
    void *ctx;
};

enum error_code demo_ask_turns(const struct demo_ask *ask, struct error *error) WARN_UNUSED;
enum error_code demo_ask_notes(const struct demo_ask *ask, struct error *error) WARN_UNUSED;

/* The body of a conversation's note's request, and whether a reply says what is right. */
bool demo_append_note(const struct demo_ask *ask, size_t conversation, struct buf *body);
bool demo_is_right(struct str text, struct str gold);
/* The text of a Converse reply; data NULL: there is none. */
struct yyjson_val;
struct str demo_reply_text(struct yyjson_val *reply);

#endif
