/* explain_body.c - finds the member of a body from which a piece of its prompt came, by the addresses of strings. For
 * explain.c alone. See explain_body.h. */
#include "cache/explain_body.h"

#include "core/buf.h"
#include "core/json.h"

#define PATH_BYTES_MAX 65536 /* 64 levels of JSON with long names */

static void push_key(struct buf *path, struct str key)
{
    if (path->len > 0)
        buf_append_char(path, '.');
    buf_append_str(path, key);
}

static void push_index(struct buf *path, size_t index)
{
    buf_appendf(path, "[%zu]", index);
}

/* --- by address ------------------------------------------------------------------------------------- */

/* On success `path` ends with the string's own. */
static bool find_in(yyjson_val *value, const char *at, struct buf *path, size_t *offset)
{
    const size_t len = path->len;
    size_t i, count;
    yyjson_val *key, *item;
    if (yyjson_is_str(value)) {
        const struct str text = json_str(value);
        const uintptr_t from = (uintptr_t)text.data, point = (uintptr_t)at;
        *offset = (size_t)(point - from);
        return point >= from && point < from + text.len;
    }
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item)
        {
            push_index(path, i);
            if (find_in(item, at, path, offset))
                return true;
            path->len = len;
        }
    }
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, i, count, key, item)
        {
            push_key(path, json_str(key));
            if (find_in(item, at, path, offset))
                return true;
            path->len = len;
        }
    }
    return false;
}

bool body_find(yyjson_val *body, const char *at, struct arena *arena, struct str *path, size_t *offset)
{
    struct buf buf;
    buf_init(&buf, PATH_BYTES_MAX);
    const bool is_found = find_in(body, at, &buf, offset) && !buf.failed && arena_str(arena, buf_str(&buf), path);
    buf_deinit(&buf);
    return is_found;
}

/* --- by comparing ----------------------------------------------------------------------------------- */

struct comparison {
    struct buf path[2];
    const struct str *text; /* of both */
    struct arena *arena;
    struct body_difference *difference;
    bool has_any, has_failed;
};

static bool is_cache_member(struct str name)
{
    return str_eq(name, STR("cachePoint")) || str_eq(name, STR("cache_control"));
}

/* An array's item that is a cache point and nothing else. */
static bool is_cache_item(yyjson_val *item)
{
    return yyjson_is_obj(item) && yyjson_obj_size(item) == 1 && yyjson_obj_get(item, "cachePoint");
}

/* Members whose JSON is copied into the prompt as it stands. */
static bool is_ordered_member(struct str name)
{
    return str_eq(name, STR("json")) || str_eq(name, STR("input_schema")) || str_eq(name, STR("input"));
}

static bool stands_in(struct str text, struct str part)
{
    return part.len > 0 && text.len >= part.len && str_find(text, part, 0) >= 0;
}

/* Notes a difference at the present paths. True: it is the one, stop. `part`
 * are the texts that differ; a side without the member has the path NULL. */
static bool note(struct comparison *c, const bool is_there[2], const struct str part[2], bool is_order)
{
    const bool is_it = stands_in(c->text[0], part[0]) || stands_in(c->text[1], part[1]);
    if (c->has_any && !is_it)
        return false;
    *c->difference = (struct body_difference){.is_order_of_keys = is_order};
    for (int side = 0; side < 2; side++)
        if (is_there[side] && (c->path[side].failed || !arena_str(c->arena, buf_str(&c->path[side]),
                                                                    &c->difference->path[side])))
            c->has_failed = true;
    c->has_any = true;
    return is_it || c->has_failed;
}

static bool compare(struct comparison *c, yyjson_val *a, yyjson_val *b, bool is_ordered);

static bool compare_member(struct comparison *c, struct str key, yyjson_val *a, yyjson_val *b, bool is_ordered)
{
    const size_t len[2] = {c->path[0].len, c->path[1].len};
    push_key(&c->path[0], key);
    push_key(&c->path[1], key);
    const bool is_it = compare(c, a, b, is_ordered);
    c->path[0].len = len[0];
    c->path[1].len = len[1];
    return is_it;
}

static bool compare_order(struct comparison *c, yyjson_val *a, yyjson_val *b)
{
    yyjson_obj_iter of_a = yyjson_obj_iter_with(a), of_b = yyjson_obj_iter_with(b);
    yyjson_val *key_a, *key_b;
    while ((key_a = yyjson_obj_iter_next(&of_a)) && (key_b = yyjson_obj_iter_next(&of_b))) {
        const struct str names[2] = {json_str(key_a), json_str(key_b)};
        if (!str_eq(names[0], names[1]))
            return note(c, (const bool[]){true, true}, names, true);
    }
    return false;
}

static bool compare_objects(struct comparison *c, yyjson_val *a, yyjson_val *b, bool is_ordered)
{
    size_t i, count;
    yyjson_val *key, *item;
    bool has_same_keys = yyjson_obj_size(a) == yyjson_obj_size(b);
    yyjson_obj_foreach(a, i, count, key, item)
    {
        const struct str name = json_str(key);
        yyjson_val *other = yyjson_obj_getn(b, name.data, name.len);
        has_same_keys = has_same_keys && other;
        if (!is_cache_member(name) && compare_member(c, name, item, other, is_ordered || is_ordered_member(name)))
            return true;
    }
    yyjson_obj_foreach(b, i, count, key, item)
    {
        const struct str name = json_str(key);
        if (!is_cache_member(name) && !yyjson_obj_getn(a, name.data, name.len) &&
            compare_member(c, name, NULL, item, is_ordered))
            return true;
    }
    return is_ordered && has_same_keys && compare_order(c, a, b);
}

/* Steps over items that are cache points only; *index is the item's own. */
static yyjson_val *next_item(yyjson_arr_iter *items, size_t *index)
{
    yyjson_val *item = yyjson_arr_iter_next(items);
    while (item && is_cache_item(item))
        item = yyjson_arr_iter_next(items);
    *index = items->idx - (item ? 1 : 0);
    return item;
}

static bool compare_arrays(struct comparison *c, yyjson_val *a, yyjson_val *b, bool is_ordered)
{
    const size_t len[2] = {c->path[0].len, c->path[1].len};
    yyjson_arr_iter of_a = yyjson_arr_iter_with(a), of_b = yyjson_arr_iter_with(b);
    for (;;) {
        size_t index[2];
        yyjson_val *item_a = next_item(&of_a, &index[0]), *item_b = next_item(&of_b, &index[1]);
        if (!item_a && !item_b)
            return false;
        push_index(&c->path[0], index[0]);
        push_index(&c->path[1], index[1]);
        const bool is_it = compare(c, item_a, item_b, is_ordered);
        c->path[0].len = len[0];
        c->path[1].len = len[1];
        if (is_it || !item_a || !item_b)
            return is_it;
    }
}

/* NULL: the member is not there. */
static bool compare(struct comparison *c, yyjson_val *a, yyjson_val *b, bool is_ordered)
{
    if (yyjson_is_obj(a) && yyjson_is_obj(b))
        return compare_objects(c, a, b, is_ordered);
    if (yyjson_is_arr(a) && yyjson_is_arr(b))
        return compare_arrays(c, a, b, is_ordered);
    if (a == b || (a && b && yyjson_equals(a, b)))
        return false;
    return note(c, (const bool[]){a != NULL, b != NULL}, (const struct str[]){json_str(a), json_str(b)}, false);
}

bool body_compare(yyjson_val *const body[2], const struct str text[2], struct arena *arena,
                  struct body_difference *difference)
{
    static const char *const members[] = {"toolConfig", "tools", "system", "messages", "prompt"};
    struct comparison c = {.text = text, .arena = arena, .difference = difference};
    bool is_it = false;
    buf_init(&c.path[0], PATH_BYTES_MAX);
    buf_init(&c.path[1], PATH_BYTES_MAX);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && !is_it; i++)
        is_it = compare_member(&c, str_of(members[i]), yyjson_obj_get(body[0], members[i]),
                               yyjson_obj_get(body[1], members[i]), false);
    buf_deinit(&c.path[0]);
    buf_deinit(&c.path[1]);
    return c.has_any && !c.has_failed;
}
