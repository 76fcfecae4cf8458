#include "chat/json_schema_ref.h"

#include "core/json.h"

#define REF_BYTES_MAX 2048

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

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
static yyjson_val *find_by(yyjson_val *root, const char *key, struct str value)
{
    for (yyjson_val *val = root; val < unsafe_yyjson_get_next(root); val++)
        if (yyjson_is_obj(val) && str_eq(json_str(yyjson_obj_get(val, key)), value))
            return val;
    return NULL;
}

/* "item.json" names the schema with the $id "https://host/item.json" too. */
static yyjson_val *find_by_id(yyjson_val *root, struct str id)
{
    yyjson_val *found = find_by(root, "$id", id);
    if (found == NULL)
        found = find_by(root, "id", id);
    for (yyjson_val *val = root; found == NULL && val < unsafe_yyjson_get_next(root); val++) {
        struct str own = yyjson_is_obj(val) ? json_str(yyjson_obj_get(val, "$id")) : STR("");
        bool is_tail =
            own.len > id.len && str_ends(own, id) && (id.data[0] == '/' || own.data[own.len - id.len - 1] == '/');
        if (is_tail)
            found = val;
    }
    return found;
}

static yyjson_val *find_fragment(yyjson_val *base, struct str fragment)
{
    char text[REF_BYTES_MAX];
    if (fragment.len == 0)
        return base;
    yyjson_val *found = NULL;
    struct str decoded = percent_decode(fragment, text);
    if (fragment.data[0] != '/') {
        found = find_by(base, "$anchor", decoded);
        return found != NULL ? found : find_by(base, "$dynamicAnchor", decoded);
    }
    found = yyjson_ptr_getn(base, decoded.data, decoded.len);
    return found != NULL ? found : yyjson_ptr_getn(base, fragment.data, fragment.len);
}

yyjson_val *json_schema_ref(yyjson_val *root, struct str ref)
{
    if (ref.len == 0 || ref.len > REF_BYTES_MAX)
        return NULL;
    ptrdiff_t hash = str_find_char(ref, '#', 0);
    struct str id = str_slice(ref, 0, hash < 0 ? ref.len : (size_t)hash);
    struct str fragment = hash < 0 ? STR("") : str_slice(ref, (size_t)hash + 1, ref.len);
    yyjson_val *base = id.len == 0 ? root : find_by_id(root, id);
    return base == NULL ? NULL : find_fragment(base, fragment);
}
