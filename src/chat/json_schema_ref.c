/* json_schema_ref.c - resolves pointers within one schema. Fetches nothing. See json_schema_ref.h. */
#include "chat/json_schema_ref.h"

#include "core/json.h"
#include "core/util.h"

#define REF_BYTES_MAX 2048

static struct str percent_decode(struct str text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len && text.data[i] == '%' ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
        out[len++] = low >= 0 ? (char)(high * 16 + low) : text.data[i];
        i += low >= 0 ? 2 : 0;
    }
    return (struct str){out, len};
}

/* Values of a document lie one behind the other, so all schemas inside one are
 * found without recursion. */
static yyjson_val *next_of(yyjson_val *val, size_t *budget)
{
    if (*budget == 0)
        return NULL;
    --*budget;
    if (yyjson_equals_str(val, "enum") && yyjson_is_arr(val + 1))
        return unsafe_yyjson_get_next(val + 1); /* values, no schemas */
    return val + 1;
}

static yyjson_val *find_by(yyjson_val *root, const char *key, struct str value, size_t *budget)
{
    for (yyjson_val *val = root; val != NULL && val < unsafe_yyjson_get_next(root); val = next_of(val, budget))
        if (yyjson_is_obj(val) && str_eq(json_str(yyjson_obj_get(val, key)), value))
            return val;
    return NULL;
}

/* "item.json" names the schema with the $id "https://host/item.json" too, "/a/b.json" the one that ends so. */
static bool is_tail(struct str id, struct str tail)
{
    if (id.len <= tail.len || !str_ends(id, tail))
        return false;
    return tail.data[0] != '/' ? id.data[id.len - tail.len - 1] == '/'
                               : str_find(id, STR("://"), 0) + 3 <= (ptrdiff_t)(id.len - tail.len) &&
                                     str_find_char(id, '/', (size_t)str_find(id, STR("://"), 0) + 3) ==
                                         (ptrdiff_t)(id.len - tail.len);
}

static yyjson_val *find_by_id(yyjson_val *root, struct str id, size_t *budget)
{
    yyjson_val *found = find_by(root, "$id", id, budget);
    if (found == NULL)
        found = find_by(root, "id", id, budget);
    for (yyjson_val *val = root; found == NULL && val != NULL && val < unsafe_yyjson_get_next(root);
         val = next_of(val, budget))
        if (yyjson_is_obj(val) && is_tail(json_str(yyjson_obj_get(val, "$id")), id))
            found = val;
    return found;
}

/* The innermost schema with an $id around `holder`. */
static yyjson_val *resource_of(yyjson_val *root, yyjson_val *holder, size_t *budget)
{
    yyjson_val *innermost = root;
    for (yyjson_val *val = root; val != NULL && val <= holder; val = next_of(val, budget))
        if (yyjson_is_obj(val) && holder < unsafe_yyjson_get_next(val) && yyjson_is_str(yyjson_obj_get(val, "$id")))
            innermost = val;
    return innermost;
}

static yyjson_val *find_fragment(yyjson_val *base, struct str fragment, size_t *budget)
{
    char text[REF_BYTES_MAX];
    if (fragment.len == 0)
        return base;
    yyjson_val *found = NULL;
    struct str decoded = percent_decode(fragment, text);
    if (fragment.data[0] != '/') {
        found = find_by(base, "$anchor", decoded, budget);
        return found != NULL ? found : find_by(base, "$dynamicAnchor", decoded, budget);
    }
    found = yyjson_ptr_getn(base, decoded.data, decoded.len);
    return found != NULL ? found : yyjson_ptr_getn(base, fragment.data, fragment.len);
}

yyjson_val *json_schema_ref(yyjson_val *root, yyjson_val *holder, struct str ref, size_t *budget)
{
    if (ref.len == 0 || ref.len > REF_BYTES_MAX)
        return NULL;
    ptrdiff_t hash = str_find_char(ref, '#', 0);
    struct str id = str_slice(ref, 0, hash < 0 ? ref.len : (size_t)hash);
    struct str fragment = hash < 0 ? STR("") : str_slice(ref, (size_t)hash + 1, ref.len);
    yyjson_val *base = id.len == 0 ? root : find_by_id(root, id, budget);
    yyjson_val *found = base == NULL ? NULL : find_fragment(base, fragment, budget);
    if (found == NULL && id.len == 0)
        found = find_fragment(resource_of(root, holder, budget), fragment, budget);
    return found;
}
