/* template.h - chat templates: from a chat_request to prompt segments.
 *
 * A prompt is a list of segments. Template text is tokenised with special
 * tokens recognised, content (a user's or a tool's bytes) never is, so nobody
 * can write a turn marker into a prompt. Segments are tokenised one by one, so
 * adding a checkpoint between two of them never changes a token.
 *
 * Families are rendered in C: byte-stable, and pinned by golden tests against
 * the reference Jinja templates. Pure functions, any thread. */
#ifndef CHAT_TEMPLATE_H
#define CHAT_TEMPLATE_H

#include "chat/chat.h"

enum template_family {
    TEMPLATE_CHATML,  /* Qwen 2.5 form, Hermes tool calls; the embedded pair uses it too */
    TEMPLATE_LLAMA3,  /* Llama 3.x instruct */
    TEMPLATE_MISTRAL, /* [INST], [AVAILABLE_TOOLS], [TOOL_CALLS] */
    TEMPLATE_GEMMA,   /* <start_of_turn>, no system role */
    TEMPLATE_GENERIC, /* what the file's own Jinja template was measured to write (jinja/examine.h) */
};

/* For TEMPLATE_GENERIC: the text around each role's content. */
enum template_generic_piece {
    PIECE_SYSTEM_PREFIX,
    PIECE_SYSTEM_SUFFIX,
    PIECE_USER_PREFIX,
    PIECE_USER_SUFFIX,
    PIECE_ASSISTANT_PREFIX,
    PIECE_ASSISTANT_SUFFIX,
    PIECE_OPENING, /* of the turn that the model is to write */
    PIECE_BARE,    /* before the first turn, where there is no system text */
    TEMPLATE_PIECES,
};
#define TEMPLATE_TRIMS_SYSTEM 1u    /* white space around system texts is dropped... */
#define TEMPLATE_TRIMS_USER 2u      /* ...around what the user says... */
#define TEMPLATE_TRIMS_ASSISTANT 4u /* ...and the assistant */
#define TEMPLATE_TRIMS (TEMPLATE_TRIMS_SYSTEM | TEMPLATE_TRIMS_USER | TEMPLATE_TRIMS_ASSISTANT)
#define TEMPLATE_SYSTEM_IN_USER 8u /* no system role: its text opens the first user turn */
#define TEMPLATE_SYSTEM_JOINS 16u  /* the first user turn has no prefix behind a system text */
struct template_generic {
    struct str pieces[TEMPLATE_PIECES];
    unsigned flags;
};

struct template_spec {
    enum template_family family;
    struct template_generic generic;
};

struct prompt_segment {
    bool is_template; /* special tokens are recognised */
    struct str text;
    bool ends_checkpoint;  /* a cache point stands right behind this segment */
    uint32_t ttl_seconds;  /* of that checkpoint */
};

struct prompt {
    struct prompt_segment *segments;
    size_t count;
};

/* Picks the family from a model's own Jinja template text (tokenizer.chat_template);
 * TEMPLATE_GENERIC when it is none of the families. Empty text: ChatML. */
enum template_family template_detect(struct str jinja);
bool template_family_parse(struct str name, enum template_family *family); /* chatml llama3 mistral gemma */
const char *template_family_name(enum template_family family);

/* How a model is spoken to: by the family that somebody named for it (NULL: nobody), else by its file's template, else
 * by what was measured of it (NULL: nothing was). The strings of `generic` are borrowed. */
struct template_spec template_choose(const char *family, struct str jinja, const struct template_generic *generic);

/* Renders with the opening of the assistant's turn at the end (or continuing
 * the last message when it is the assistant's). The beginning-of-sequence
 * token is the engine's business and never in a segment. Segments live in
 * request->arena. Adjacent template texts are merged. */
enum error_code template_render(const struct template_spec *spec, const struct chat_request *request,
                                struct prompt *prompt, struct error *error) WARN_UNUSED;

/* What a reply may be, in the family's own tool-call syntax (engine/grammar_program.h says how it is written). */
struct template_grammar {
    struct str text; /* in request->arena; empty: anything, and all of it is text */
    bool is_observed; /* says what is a call and when the reply is over, and forces nothing */
};

/* Forces what the request asks for: tool choice any or named, output_schema, arguments of strict tools. */
enum error_code template_grammar(const struct template_spec *spec, const struct chat_request *request,
                                 struct template_grammar *grammar, struct error *error) WARN_UNUSED;

#endif
