/* prompt_builder.h - collects prompt segments for the template families.
 *
 * Template text is gathered until content follows, so adjacent pieces become
 * one segment; every piece of content is a segment of its own. A checkpoint
 * marks the last content segment and never cuts template text: with or without
 * it the segments, and so the tokens, are the same.
 * Failure is sticky, the caller checks once at the end. One thread at a time. */
#ifndef CHAT_PROMPT_BUILDER_H
#define CHAT_PROMPT_BUILDER_H

#include "chat/template.h"
#include "core/buf.h"

struct prompt_builder {
    struct arena *arena;
    struct prompt_segment *segments; /* heap until prompt_builder_finish */
    size_t count, cap;
    size_t last_content; /* index + 1 of the last content segment; 0: none */
    struct buf text;     /* template text that is no segment yet */
    bool failed;
};

void prompt_builder_init(struct prompt_builder *builder, struct arena *arena);
void prompt_builder_deinit(struct prompt_builder *builder);

void prompt_template(struct prompt_builder *builder, struct str text); /* copied */
void prompt_template_text(struct prompt_builder *builder, const char *text);
void prompt_content(struct prompt_builder *builder, struct str text); /* borrowed; empty text adds nothing */
void prompt_content_buf(struct prompt_builder *builder, const struct buf *text); /* copied */
void prompt_checkpoint(struct prompt_builder *builder, uint32_t ttl_seconds);

/* Hands the segments over to the arena. */
enum error_code prompt_builder_finish(struct prompt_builder *builder, struct prompt *prompt,
                                      struct error *error) WARN_UNUSED;

#endif
