/* tags.c - which tags a request counts for. See keys.h. */
#include "core/json.h"
#include "keys/keys.h"
#include "store/journal.h"

#define TAGS_MAX 128 /* of one request, from everywhere */
#define TEXT_MAX 12288 /* bytes of all: a line of the ledger has to hold them */

struct tags {
    struct key_tag items[TAGS_MAX];
    size_t count;
    struct buf text;
};

/* The first of a key counts. */
static void add(struct tags *tags, struct str key, struct str value)
{
    if (tags->count == TAGS_MAX)
        return;
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->items[i].key, key))
            return;
    buf_append_char(&tags->text, tags->count ? ',' : '{');
    buf_append_json(&tags->text, key);
    buf_append_char(&tags->text, ':');
    buf_append_json(&tags->text, value);
    tags->items[tags->count++] = (struct key_tag){key, value};
}

/* What a client says of a request. Values that are no tag's, or have no room, are left out: no budget can name them. */
static void add_own(struct tags *tags, const struct key_tag *own)
{
    if (tag_is_key(own->key) && tag_is_value(own->value) &&
        tags->text.len + own->key.len + own->value.len + 8 <= TEXT_MAX)
        add(tags, own->key, own->value);
}

static void add_object(struct tags *tags, yyjson_doc *doc)
{
    size_t at, max;
    yyjson_val *key, *value;
    json_obj_foreach(yyjson_doc_get_root(doc), at, max, key, value)
        add(tags, json_str(key), json_str(value));
}

enum error_code keys_tags(struct keys *keys, struct str key, struct str profile_tags, const struct key_tag *own,
                          size_t own_count, struct arena *arena, struct str *tags, struct error *error)
{
    struct tags all = {.count = 0};
    yyjson_doc *docs[2] = {NULL, NULL};
    struct str key_tags = STR("");
    enum error_code code = key.len > 0 ? ring_tags(keys_ring(keys), key, arena, &key_tags, error) : OK;
    bool is_more = key_tags.len > 0;
    for (size_t i = 0; i < own_count; i++)
        is_more = is_more || accounts_know_tag(keys_accounts(keys), own[i].key);
    *tags = profile_tags;
    if (code != OK || !is_more)
        return code;
    buf_init(&all.text, 2 * JOURNAL_RECORD_MAX);
    if (key_tags.len > 0)
        code = json_parse_stored(key_tags, &docs[0], error);
    if (code == OK && profile_tags.len > 0)
        code = json_parse_stored(profile_tags, &docs[1], error);
    add_object(&all, docs[0]);
    add_object(&all, docs[1]);
    for (size_t i = 0; i < own_count; i++)
        if (accounts_know_tag(keys_accounts(keys), own[i].key))
            add_own(&all, &own[i]);
    if (all.count > 0)
        buf_append_char(&all.text, '}');
    if (code == OK && (all.text.failed || !arena_str(arena, buf_str(&all.text), tags)))
        code = error_no_memory(error);
    buf_deinit(&all.text);
    json_free(docs[0]);
    json_free(docs[1]);
    return code;
}
