/* data.h - a line of training data, `bedrock-conversation-2024`, and the trainer's row that it becomes.
 *
 *   {"schemaVersion": "bedrock-conversation-2024", "system": [{"text"}],
 *    "messages": [{"role": "user", "content": [{"text"}]}, {"role": "assistant", "content": [{"text"}]}, ...]}
 *
 * Texts of one message are joined as the chat template joins them, so that the model learns the prompt that it will be
 * asked. With "toolConfig" tools are offered; the assistant may call them ({"toolUse"}), and the user's next turn has
 * the result of each call ({"toolResult"}). Pure; any thread. */
#ifndef CUSTOMIZE_DATA_H
#define CUSTOMIZE_DATA_H

#include "core/buf.h"
#include "core/json.h"
#include "customize/content.h"
#include "core/mem.h"

struct data_turn {
    bool is_assistant;
    struct content content;
};

/* Strings lie in the arena. */
struct conversation {
    struct str system; /* may be empty */
    struct str tools;  /* toolConfig, compact JSON; empty: none are offered */
    struct data_turn *turns; /* user, assistant, user, ... */
    size_t count;
};

/* Whether the assistant has the last word. */
static inline bool conversation_is_answered(const struct conversation *conversation)
{
    return conversation->count > 0 && conversation->turns[conversation->count - 1].is_assistant;
}

/* A last turn of `content`; there has to be room for it. */
static inline void conversation_answer(struct conversation *conversation, struct content content)
{
    conversation->turns[conversation->count++] = (struct data_turn){true, content};
}

/* ERROR_INVALID: by which turn's path, each call is not followed by its result, or a result by none. */
enum error_code conversation_check_calls(const struct conversation *conversation, struct error *error) WARN_UNUSED;

/* ERROR_INVALID: why the line can't be taken, by its path. */
enum error_code conversation_parse(struct str line, struct arena *arena, struct conversation *conversation,
                                   struct error *error) WARN_UNUSED;

/* Where a row comes from, for the list of lines that were left out. */
struct data_origin {
    struct str file;
    uint64_t line;
    const char *task; /* under which its loss is told */
};

/* One line, with its line feed, in the form of `fulcrum train`. All answers are learnt, or the last alone. */
bool conversation_append_row(struct buf *out, const struct conversation *conversation, const struct data_origin *origin,
                             bool learns_all);

/* One line as training data have it, with its line feed. */
bool conversation_append_line(struct buf *out, const struct conversation *conversation);

/* --- prompts that want an answer --- */

#define DATA_KEY_LEN 32        /* of a prompt: the same prompt has the same one */
#define DATA_REPLY_TOKENS 1000 /* of an answer, where nobody says how long it may be */

/* A line of our own with all that is known of it; and back. origin may be NULL. There is room for one turn more. */
bool conversation_append_prompt(struct buf *out, const struct conversation *conversation,
                                const struct data_origin *origin);
enum error_code conversation_of_prompt(struct str line, struct arena *arena, struct conversation *conversation,
                                       struct data_origin *origin, struct error *error) WARN_UNUSED;
/* A record of a batch job that asks Converse for the answer, with its line feed. */
struct data_asking {
    const char *key;
    uint32_t reply_tokens;
    double temperature;
};
bool conversation_append_record(struct buf *out, const struct conversation *conversation,
                                const struct data_asking *asking);

#endif
