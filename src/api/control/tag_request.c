/* tag_request.c - parses tags and checks their bounds. Keeps none. See tag_request.h. */
#include "api/control/tag_request.h"

#include "api/fields.h"

#define LIST_MAX 200 /* tags or keys of one request; fewer stay on a resource */
#define KEY_MAX_LEN 128
#define VALUE_MAX_LEN 256
#define ARN_MIN_LEN 20
#define ARN_MAX_LEN 1011

/* [a-zA-Z0-9\s._:/=+@-]* */
static bool is_tag_text(struct str text)
{
    return fields_alphabet(text, " \t\n\v\f\r._:/=+@-");
}

static enum error_code check_list(yyjson_val *list, const char *name, struct error *error)
{
    return yyjson_arr_size(list) > LIST_MAX ? field_error(error, "", name, "at most %d items", LIST_MAX) : OK;
}

static enum error_code parse_tag(yyjson_val *value, const char *where, struct job_tag *tag, struct error *error)
{
    static const char *const names[] = {"key", "value", NULL};
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    enum error_code code = fields_known(NULL, value, where, names, error);
    if (code == OK)
        code = fields_need_str(value, where, "key", 1, KEY_MAX_LEN, &tag->key, error);
    if (code == OK)
        code = fields_need_str(value, where, "value", 0, VALUE_MAX_LEN, &tag->value, error);
    if (code == OK && (!is_tag_text(tag->key) || !is_tag_text(tag->value)))
        code = field_error(error, where, "", "letters, digits, white space and ._:/=+@- only");
    return code;
}

static bool has_key(const struct job_tags *tags, struct str key)
{
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->items[i].key, key))
            return true;
    return false;
}

static enum error_code add_tag(yyjson_val *value, const char *where, struct arena *arena, struct job_tags *tags,
                               struct error *error)
{
    struct job_tag tag = {0};
    enum error_code code = parse_tag(value, where, &tag, error);
    if (code == OK && has_key(tags, tag.key))
        code = field_error(error, where, "key", "is there twice");
    if (code != OK)
        return code;
    struct job_tag *kept = &tags->items[tags->count++];
    bool is_kept = arena_str(arena, tag.key, &kept->key) && arena_str(arena, tag.value, &kept->value);
    return is_kept ? OK : error_no_memory(error);
}

enum error_code tags_parse_member(yyjson_val *root, const char *key, struct arena *arena, struct job_tags *tags,
                                  struct error *error)
{
    yyjson_val *list, *item;
    size_t idx, max;
    *tags = (struct job_tags){0};
    enum error_code code = json_get_array(root, "", key, &list, error);
    if (code == OK)
        code = check_list(list, key, error);
    if (code != OK || yyjson_arr_size(list) == 0)
        return code;
    tags->items = ARENA_ARRAY(arena, struct job_tag, yyjson_arr_size(list));
    if (!tags->items)
        return error_no_memory(error);
    yyjson_arr_foreach(list, idx, max, item)
    {
        struct field_path path = field_path_index("", key, idx);
        if (code == OK)
            code = add_tag(item, path.text, arena, tags, error);
    }
    return code;
}

enum error_code tags_parse(yyjson_val *root, struct arena *arena, struct job_tags *tags, struct error *error)
{
    return tags_parse_member(root, "tags", arena, tags, error);
}

static enum error_code add_key(yyjson_val *item, const char *where, struct arena *arena, struct tag_request *request,
                               struct error *error)
{
    struct str key = json_str(item);
    if (!yyjson_is_str(item) || key.len == 0 || fields_characters(key) > KEY_MAX_LEN || !is_tag_text(key))
        return field_error(error, where, "", "must be a key of 1 to %d letters, digits, white space or ._:/=+@-",
                           KEY_MAX_LEN);
    return arena_str(arena, key, &request->keys[request->key_count++]) ? OK : error_no_memory(error);
}

static enum error_code parse_keys(yyjson_val *root, struct arena *arena, struct tag_request *request,
                                  struct error *error)
{
    yyjson_val *list, *item;
    size_t idx, max;
    enum error_code code = fields_need_array(root, "", "tagKeys", &list, error);
    if (code == OK)
        code = check_list(list, "tagKeys", error);
    if (code != OK || yyjson_arr_size(list) == 0)
        return code;
    request->keys = ARENA_ARRAY(arena, struct str, yyjson_arr_size(list));
    if (!request->keys)
        return error_no_memory(error);
    yyjson_arr_foreach(list, idx, max, item)
    {
        struct field_path path = field_path_index("", "tagKeys", idx);
        if (code == OK)
            code = add_key(item, path.text, arena, request, error);
    }
    return code;
}

static enum error_code parse_members(enum tag_operation operation, yyjson_val *root, struct arena *arena,
                                     struct tag_request *request, struct error *error)
{
    static const char *const members[][3] = {
        [TAG_RESOURCE] = {"resourceARN", "tags", NULL},
        [UNTAG_RESOURCE] = {"resourceARN", "tagKeys", NULL},
        [LIST_TAGS] = {"resourceARN", NULL},
    };
    yyjson_val *tags;
    struct str resource;
    if (!yyjson_is_obj(root))
        return field_error(error, "", "", "The body: expected an object, got %s", json_type_name(root));
    enum error_code code = fields_known(NULL, root, "", members[operation], error);
    if (code == OK)
        code = fields_need_str(root, "", "resourceARN", ARN_MIN_LEN, ARN_MAX_LEN, &resource, error);
    if (code == OK && !arena_str(arena, resource, &request->resource))
        code = error_no_memory(error);
    if (code == OK && operation == TAG_RESOURCE)
        code = fields_need_array(root, "", "tags", &tags, error);
    if (code == OK && operation == TAG_RESOURCE)
        code = tags_parse(root, arena, &request->tags, error);
    return code == OK && operation == UNTAG_RESOURCE ? parse_keys(root, arena, request, error) : code;
}

enum error_code tag_request_parse(enum tag_operation operation, struct str body, struct arena *arena,
                                  struct tag_request *request, struct error *error)
{
    yyjson_doc *doc = NULL;
    *request = (struct tag_request){0};
    enum error_code code = json_parse(body, &doc, error);
    if (code == OK)
        code = parse_members(operation, yyjson_doc_get_root(doc), arena, request, error);
    json_free(doc);
    return code;
}

void tags_append(struct buf *out, const struct job_tags *tags)
{
    buf_append_text(out, "{\"tags\":[");
    for (size_t i = 0; i < tags->count; i++) {
        buf_append_text(out, i > 0 ? ",{\"key\":" : "{\"key\":");
        buf_append_json(out, tags->items[i].key);
        buf_append_text(out, ",\"value\":");
        buf_append_json(out, tags->items[i].value);
        buf_append_char(out, '}');
    }
    buf_append_text(out, "]}");
}
