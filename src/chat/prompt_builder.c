/* prompt_builder.c - gathers template text and content into segments. Which text comes where is the families'. See
 * prompt_builder.h. */
#include "chat/prompt_builder.h"

#include "core/limits.h"

void prompt_builder_init(struct prompt_builder *builder, struct arena *arena)
{
    *builder = (struct prompt_builder){.arena = arena};
    buf_init(&builder->text, limit(body_bytes));
}

void prompt_builder_deinit(struct prompt_builder *builder)
{
    buf_deinit(&builder->text);
    mem_free(builder->segments);
    builder->segments = NULL;
}

static void add_segment(struct prompt_builder *builder, bool is_template, struct str text)
{
    void *items = builder->segments;
    if (!mem_grow(&items, builder->count, &builder->cap, sizeof(*builder->segments))) {
        builder->failed = true;
        return;
    }
    builder->segments = items;
    builder->segments[builder->count++] = (struct prompt_segment){.is_template = is_template, .text = text};
    if (!is_template)
        builder->last_content = builder->count;
}

static void flush_template(struct prompt_builder *builder)
{
    struct str copy;
    if (builder->text.len == 0)
        return;
    if (!arena_str(builder->arena, buf_str(&builder->text), &copy)) {
        builder->failed = true;
        return;
    }
    buf_clear(&builder->text);
    add_segment(builder, true, copy);
}

void prompt_template(struct prompt_builder *builder, struct str text)
{
    if (!buf_append_str(&builder->text, text))
        builder->failed = true;
}

void prompt_template_text(struct prompt_builder *builder, const char *text)
{
    prompt_template(builder, str_of(text));
}

void prompt_content(struct prompt_builder *builder, struct str text)
{
    if (builder->failed || text.len == 0)
        return;
    flush_template(builder);
    if (!builder->failed)
        add_segment(builder, false, text);
}

void prompt_content_buf(struct prompt_builder *builder, const struct buf *text)
{
    struct str copy;
    if (text->failed || !arena_str(builder->arena, buf_str(text), &copy)) {
        builder->failed = true;
        return;
    }
    prompt_content(builder, copy);
}

void prompt_checkpoint(struct prompt_builder *builder, uint32_t ttl_seconds)
{
    if (builder->failed || builder->last_content == 0)
        return;
    struct prompt_segment *segment = &builder->segments[builder->last_content - 1];
    segment->ends_checkpoint = true;
    if (ttl_seconds > segment->ttl_seconds)
        segment->ttl_seconds = ttl_seconds;
}

enum error_code prompt_builder_finish(struct prompt_builder *builder, struct prompt *prompt, struct error *error)
{
    if (!builder->failed)
        flush_template(builder);
    if (builder->failed)
        return error_no_memory(error);
    struct prompt_segment *segments = ARENA_ARRAY(builder->arena, struct prompt_segment, builder->count + 1);
    if (segments == NULL)
        return error_no_memory(error);
    if (builder->count > 0)
        memcpy(segments, builder->segments, builder->count * sizeof(*segments));
    *prompt = (struct prompt){.segments = segments, .count = builder->count};
    return OK;
}
