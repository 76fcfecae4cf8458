/* resource_tags.c - tags as a JSON object, keys ascending. What a tag may be called is checked before. See
 * resource_tags.h. */
#include "api/control/resource_tags.h"

#include <stdlib.h>

#include "core/json.h"

#define TAGS_TEXT_MAX (256u << 10) /* whatever was sent, before it is refused */

static int compare_tags(const void *a, const void *b)
{
    struct str left = ((const struct job_tag *)a)->key, right = ((const struct job_tag *)b)->key;
    size_t shorter = left.len < right.len ? left.len : right.len;
    int order = shorter ? memcmp(left.data, right.data, shorter) : 0;
    return order ? order : (left.len > right.len) - (left.len < right.len);
}

enum error_code resource_tags_json(const struct job_tags *tags, struct arena *arena, struct str *json,
                                  struct error *error)
{
    struct buf text;
    *json = STR("");
    if (tags->count == 0)
        return OK;
    qsort(tags->items, tags->count, sizeof(*tags->items), compare_tags);
    buf_init(&text, TAGS_TEXT_MAX);
    for (size_t i = 0; i < tags->count; i++) {
        buf_append_char(&text, i ? ',' : '{');
        buf_append_json(&text, tags->items[i].key);
        buf_append_char(&text, ':');
        buf_append_json(&text, tags->items[i].value);
    }
    buf_append_char(&text, '}');
    enum error_code code = OK;
    if (tags->count > JOB_TAGS_MAX)
        code = error_set(error, ERROR_TAGS, "There would be %zu tags; a resource has at most %d.",
                         tags->count, JOB_TAGS_MAX);
    else if (text.failed || text.len > RESOURCE_TAGS_BYTES)
        code = error_set(error, ERROR_TAGS, "The tags would have more than %d bytes together.",
                         RESOURCE_TAGS_BYTES);
    else if (!arena_str(arena, buf_str(&text), json))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}

enum error_code resource_tags_parse(struct str json, struct arena *arena, struct job_tags *tags,
                                   struct error *error)
{
    yyjson_doc *doc = NULL;
    *tags = (struct job_tags){0};
    if (json.len == 0)
        return OK;
    enum error_code code = json_parse(json, &doc, error);
    if (code != OK)
        return code;
    yyjson_obj_iter iter = yyjson_obj_iter_with(yyjson_doc_get_root(doc));
    tags->items = ARENA_ARRAY(arena, struct job_tag, yyjson_obj_size(yyjson_doc_get_root(doc)) + 1);
    bool is_copied = tags->items != NULL;
    for (yyjson_val *key; is_copied && (key = yyjson_obj_iter_next(&iter));) {
        struct job_tag *tag = &tags->items[tags->count++];
        is_copied = arena_str(arena, json_str(key), &tag->key) &&
                    arena_str(arena, json_str(yyjson_obj_iter_get_val(key)), &tag->value);
    }
    json_free(doc);
    return is_copied ? OK : error_no_memory(error);
}

static bool has_key(const struct str *keys, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(keys[i], key))
            return true;
    return false;
}

enum error_code resource_tags_merge(struct str json, const struct job_tags *more, const struct str *keys,
                                   size_t key_count, struct arena *arena, struct str *merged, struct error *error)
{
    struct job_tags old, all = {0};
    enum error_code code = resource_tags_parse(json, arena, &old, error);
    if (code != OK)
        return code;
    all.items = ARENA_ARRAY(arena, struct job_tag, old.count + more->count + 1);
    if (!all.items)
        return error_no_memory(error);
    for (size_t i = 0; i < more->count; i++)
        all.items[all.count++] = more->items[i];
    for (size_t i = 0; i < old.count; i++) {
        bool is_replaced = false;
        for (size_t k = 0; k < more->count && !is_replaced; k++)
            is_replaced = str_eq(more->items[k].key, old.items[i].key);
        if (!is_replaced && !has_key(keys, key_count, old.items[i].key))
            all.items[all.count++] = old.items[i];
    }
    return resource_tags_json(&all, arena, merged, error);
}
