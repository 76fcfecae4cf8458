/* objects_each.c - goes through an object, or a folder of them. Reads none. See objects.h. */
#include <string.h>

#include "store/objects.h"

struct walk {
    struct objects *objects;
    struct str tenant, bucket;
    const struct objects_visitor *visitor;
};

static enum error_code visit_page(const struct walk *walk, const struct objects_page *page, size_t prefix_len,
                                  struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < page->count && code == OK; i++) {
        const struct str key = page->entries[i].key;
        if (walk->visitor->fits(walk->visitor->ctx, key))
            code = walk->visitor->visit(walk->visitor->ctx, key, str_slice(key, prefix_len, key.len), error);
    }
    return code;
}

static enum error_code visit_folder(const struct walk *walk, struct str key, struct error *error)
{
    struct arena arena;
    struct objects_page page = {.is_truncated = true};
    struct objects_list_options options = {.max = OBJECTS_PAGE_MAX};
    char after[OBJECTS_KEY_MAX + 1], prefix[OBJECTS_KEY_MAX + 2];
    const bool has_slash = key.len == 0 || key.data[key.len - 1] == '/';
    enum error_code code = OK;
    if (key.len > OBJECTS_KEY_MAX)
        return error_set(error, ERROR_INVALID, "s3Uri: the key is too long");
    memcpy(prefix, key.data ? key.data : "", key.len);
    prefix[key.len] = '/';
    options.prefix = (struct str){prefix, key.len + !has_slash};
    arena_init(&arena, 0);
    while (code == OK && page.is_truncated) {
        arena_reset(&arena);
        code = objects_code(objects_list(walk->objects, walk->tenant, walk->bucket, &options, &arena, &page, error),
                            error);
        if (code == OK)
            code = visit_page(walk, &page, options.prefix.len, error);
        if (code != OK || !page.is_truncated || page.next.len > OBJECTS_KEY_MAX)
            break;
        memcpy(after, page.next.data, page.next.len);
        options.after = (struct str){after, page.next.len};
    }
    arena_deinit(&arena);
    return code;
}

static struct str base_name(struct str key)
{
    size_t from = key.len;
    while (from > 0 && key.data[from - 1] != '/')
        from--;
    return str_slice(key, from, key.len);
}

enum error_code objects_each(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                             const struct objects_visitor *visitor, struct error *error)
{
    const struct walk walk = {objects, tenant, bucket, visitor};
    const bool is_folder = key.len == 0 || key.data[key.len - 1] == '/';
    struct objects_info *info = mem_alloc(sizeof(*info));
    if (!info)
        return error_no_memory(error);
    const enum objects_problem problem =
        is_folder ? OBJECTS_NO_KEY : objects_head(objects, tenant, bucket, key, info, error);
    mem_free(info);
    if (problem == OBJECTS_NO_KEY)
        return visit_folder(&walk, key, error);
    const enum error_code code = objects_code(problem, error);
    return code == OK ? visitor->visit(visitor->ctx, key, base_name(key), error) : code;
}
