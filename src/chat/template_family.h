/* template_family.h - what the renderers of the families share; private to
 * chat/template*.c. One thread at a time. */
#ifndef CHAT_TEMPLATE_FAMILY_H
#define CHAT_TEMPLATE_FAMILY_H

#include "chat/prompt_builder.h"

/* Messages cut where the templates want turns: a user message that holds tool
 * results and text becomes a tool turn and a user turn. */
enum turn_kind { TURN_SYSTEM, TURN_USER, TURN_ASSISTANT, TURN_TOOL };

struct turn {
    enum turn_kind kind;
    const struct chat_block *blocks;
    size_t count;
    bool is_open; /* the last turn, the assistant's: generation goes on behind its text */
};

struct turns {
    struct turn *items;
    size_t count;
};

enum error_code turns_of_request(const struct chat_request *request, struct turns *turns,
                                 struct error *error) WARN_UNUSED;

bool turn_has_tool_use(const struct turn *turn);

/* Tools are left out of the prompt when the choice is none: a model that does
 * not know of them can't call them. */
bool template_shows_tools(const struct chat_request *request);
bool template_has_system(const struct chat_request *request);

/* Texts and documents joined by one newline (template text), checkpoints where
 * they stand. True when anything was added. */
bool render_blocks(struct prompt_builder *builder, const struct chat_block *blocks, size_t count, bool trim);

/* The system blocks but for their last cache points. Those promise to cover
 * the tools too, so a family that prints tools behind the system text calls
 * render_system_checkpoints behind the last tool. */
void render_system_text(struct prompt_builder *builder, const struct chat_request *request, bool trim);
void render_system_checkpoints(struct prompt_builder *builder, const struct chat_request *request);

/* {"type": "function", "function": {...}} as one content segment. */
void render_tool_definition(struct prompt_builder *builder, const struct chat_tool *tool, unsigned indent);

/* {"name": ..., "KEY": {...}} as one content segment. `id`, where not empty, is
 * added behind the arguments. */
void render_tool_call(struct prompt_builder *builder, const struct chat_block *block, const char *arguments_key,
                      struct str id);

/* All that a result holds, as one text; a failure is the builder's. */
struct str tool_result_text(struct prompt_builder *builder, const struct chat_block *block);
void render_tool_result_text(struct prompt_builder *builder, const struct chat_block *block);

/* Families with Hermes tool calls. */
void template_render_hermes(struct prompt_builder *builder, const struct template_generic *around,
                            const struct chat_request *request, const struct turns *turns);
void template_render_llama3(struct prompt_builder *builder, const struct chat_request *request,
                            const struct turns *turns);
void template_render_mistral(struct prompt_builder *builder, const struct chat_request *request,
                             const struct turns *turns);

#endif
