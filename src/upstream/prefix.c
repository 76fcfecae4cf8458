/* prefix.c - see prefix.h. The prompt is walked in the order in which templates write it: tools, system, messages. */
#include "upstream/prefix.h"

#include <string.h>
#include <xxhash.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/limits.h"

struct walk {
    uint64_t chain; /* of all whole blocks so far */
    unsigned char block[PREFIX_BLOCK_BYTES];
    size_t filled;
    uint64_t *blocks; /* NULL: nobody wants them, and all of the prompt is walked */
    size_t count;
    uint64_t bytes;   /* of the prompt, about */
    struct prefix_ends *ends; /* NULL: nobody wants them */
    uint64_t key;
    bool has_key;
    struct buf scratch; /* of JSON values */
};

/* --- bytes ------------------------------------------------------------------------------------------ */

static void close_block(struct walk *walk)
{
    walk->chain = XXH3_64bits_withSeed(walk->block, walk->filled, walk->chain);
    walk->filled = 0;
    if (walk->blocks && walk->count < PREFIX_BLOCKS_MAX)
        walk->blocks[walk->count++] = walk->chain;
}

static void feed(struct walk *walk, const void *data, size_t len)
{
    const unsigned char *from = data;
    while (len > 0 && walk->count < PREFIX_BLOCKS_MAX) { /* a walk for ends alone counts none */
        const size_t room = sizeof(walk->block) - walk->filled, taken = len < room ? len : room;
        memcpy(walk->block + walk->filled, from, taken);
        walk->filled += taken;
        from += taken;
        len -= taken;
        if (walk->filled == sizeof(walk->block))
            close_block(walk);
    }
}

/* With its length, so that no two rows of pieces look alike. */
static void feed_str(struct walk *walk, struct str piece)
{
    const uint64_t len = piece.len;
    feed(walk, &len, sizeof(len));
    feed(walk, piece.data, piece.len);
}

static void feed_json(struct walk *walk, yyjson_val *value)
{
    buf_clear(&walk->scratch);
    if (value && json_append(&walk->scratch, value))
        feed_str(walk, buf_str(&walk->scratch));
}

/* The prompt up to here is what the request has in common with others of its kind. */
static void mark(struct walk *walk)
{
    if (walk->has_key)
        return;
    walk->has_key = true;
    walk->key = XXH3_64bits_withSeed(walk->block, walk->filled, walk->chain);
}

/* --- the prompt ------------------------------------------------------------------------------------- */

static void walk_block(struct walk *walk, const struct chat_block *block)
{
    const unsigned char kind = (unsigned char)block->kind;
    if (block->kind == CHAT_CACHE_POINT) {
        mark(walk);
        return;
    }
    feed(walk, &kind, 1);
    feed_str(walk, block->text);
    feed_str(walk, block->name);
    feed_str(walk, block->id);
    feed_str(walk, block->json);
    feed_str(walk, block->data);
    walk->bytes += block->text.len + block->json.len + (block->data.len > 0 ? PREFIX_FILE_BYTES : 0);
    if (block->kind == CHAT_JSON || block->kind == CHAT_OTHER)
        feed_json(walk, block->value ? block->value : block->raw);
}

static void walk_blocks(struct walk *walk, const struct chat_block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        walk_block(walk, &blocks[i]);
        for (size_t k = 0; k < blocks[i].content_count; k++)
            walk_block(walk, &blocks[i].content[k]);
    }
}

static void walk_tools(struct walk *walk, const struct chat_request *request)
{
    for (size_t i = 0; i < request->tool_count; i++) {
        const struct chat_tool *tool = &request->tools[i];
        feed_str(walk, tool->name);
        feed_str(walk, tool->description);
        feed_json(walk, tool->schema ? tool->schema : tool->raw);
        walk->bytes += tool->name.len + tool->description.len + walk->scratch.len;
        if (tool->cache_point_after)
            mark(walk);
    }
}

static struct marks_prefix end_here(const struct walk *walk)
{
    const uint64_t hash = XXH3_64bits_withSeed(walk->block, walk->filled, walk->chain);
    return (struct marks_prefix){hash ? hash : 1, walk->bytes};
}

static void walk_request(struct walk *walk, const struct chat_request *request)
{
    walk_tools(walk, request);
    walk_blocks(walk, request->system, request->system_count);
    if (walk->ends && request->tool_count + request->system_count > 0)
        walk->ends->fixed = end_here(walk);
    for (size_t i = 0; i < request->message_count; i++) {
        const struct chat_message *message = &request->messages[i];
        const unsigned char role = (unsigned char)message->role;
        feed(walk, &role, 1);
        walk_blocks(walk, message->blocks, message->block_count);
        mark(walk);
        if (walk->ends)
            walk->ends->messages[walk->ends->count++] = end_here(walk);
    }
    feed_str(walk, request->raw_prompt);
    if (walk->has_key)
        return;
    walk->has_key = true; /* a prompt without messages: its first block */
    walk->key = walk->count > 0 ? walk->blocks[0] : XXH3_64bits_withSeed(walk->block, walk->filled, walk->chain);
}

static uint64_t chained(struct str text, uint64_t before)
{
    return XXH3_64bits_withSeed(text.data ? text.data : "", text.len, before);
}

static uint64_t salt_of(const struct chat_request *request, struct str tenant, struct str model)
{
    return chained(request->cache_salt, chained(model, chained(tenant, 0)));
}

bool prefix_read_ends(const struct chat_request *request, struct str tenant, struct str model, struct prefix_ends *ends)
{
    struct marks_prefix *messages = ARENA_ARRAY(request->arena, struct marks_prefix, request->message_count + 1);
    *ends = (struct prefix_ends){.messages = messages, .salt = salt_of(request, tenant, model)};
    struct walk walk = {.chain = ends->salt, .ends = ends};
    if (!ends->messages)
        return false;
    buf_init(&walk.scratch, (size_t)limit(body_bytes));
    walk_request(&walk, request);
    buf_deinit(&walk.scratch);
    return true;
}

bool prefix_read(const struct chat_request *request, struct str tenant, struct str model, struct str session,
                 struct affinity_prefix *prefix)
{
    const uint64_t salt = salt_of(request, tenant, model);
    struct walk walk = {.chain = salt, .blocks = ARENA_ARRAY(request->arena, uint64_t, PREFIX_BLOCKS_MAX)};
    if (!walk.blocks)
        return false;
    buf_init(&walk.scratch, (size_t)limit(body_bytes));
    walk_request(&walk, request);
    buf_deinit(&walk.scratch);
    *prefix = (struct affinity_prefix){.key = session.len > 0 ? chained(session, salt) : walk.key,
                                       .blocks = walk.blocks, .count = walk.count};
    return true;
}
