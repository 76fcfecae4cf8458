/* Tags of objects: read from the header that writes carry and from XML, kept by the store, told again. */
#include <stdio.h>

#include "core/xml.h"
#include "s3/s3.h"

#define TAGS_MAX 10
#define NAME_MAX_LEN 128 /* in units of UTF-16, as S3 counts */
#define VALUE_MAX_LEN 256

struct tags {
    struct s3 *s3;
    struct tag {
        struct str name, value;
    } list[TAGS_MAX], next; /* `next` is being read */
    size_t count;
    bool has_set; /* <Tagging><TagSet> was there */
};

/* --- rules --- */

static bool fail_tags(struct s3 *s3, const char *code, const char *message)
{
    s3_fail(s3, 400, code, "%s", message);
    return false;
}

/* Letters of any script, digits, spaces and + - = . _ : / @. */
static bool is_tag_text(struct str text, size_t max)
{
    size_t units = 0;
    if (!str_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.data[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                        (byte != '\0' && strchr(" +-=._:/@", byte));
        if (!is_plain && byte < 0x80)
            return false;
        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units <= max;
}

static bool add_tag(struct tags *tags, struct tag tag)
{
    struct s3 *s3 = tags->s3;
    if (tag.name.len == 0 || !is_tag_text(tag.name, NAME_MAX_LEN))
        return fail_tags(s3, "InvalidTag", "The TagKey you have provided is invalid");
    if (!is_tag_text(tag.value, VALUE_MAX_LEN))
        return fail_tags(s3, "InvalidTag", "The TagValue you have provided is invalid");
    if (str_starts(tag.name, STR("aws:")))
        return fail_tags(s3, "InvalidTag", "System tags cannot be added/updated by requester");
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->list[i].name, tag.name))
            return fail_tags(s3, "InvalidTag", "Cannot provide multiple Tags with the same key");
    if (tags->count == TAGS_MAX)
        return fail_tags(s3, "BadRequest", "Object tags cannot be greater than 10");
    tags->list[tags->count++] = tag;
    return true;
}

/* As the store keeps them. False: failed. */
static bool join_tags(const struct tags *tags, struct str *text)
{
    struct buf joined;
    buf_init(&joined, OBJECTS_TAGS_MAX);
    for (size_t i = 0; i < tags->count; i++)
        buf_appendf(&joined, STR_FMT "\n" STR_FMT "\n", STR_ARG(tags->list[i].name), STR_ARG(tags->list[i].value));
    bool is_good = !joined.failed && arena_str(&tags->s3->arena, buf_str(&joined), text);
    buf_deinit(&joined);
    if (!is_good)
        s3_fail_memory(tags->s3);
    return is_good;
}

/* --- the header --- */

/* Written as the query of a URL: '+' is a space. */
static bool decode(struct s3 *s3, struct str text, struct str *decoded)
{
    char *plain = arena_strdup(&s3->arena, text);
    if (!plain) {
        s3_fail_memory(s3);
        return false;
    }
    for (size_t i = 0; i < text.len; i++)
        if (plain[i] == '+')
            plain[i] = ' ';
    return http_percent_decode((struct str){plain, text.len}, &s3->arena, decoded) ||
           fail_tags(s3, "InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL "
                                            "query parameters without tag name duplicates.");
}

bool s3_read_tags(struct s3 *s3, struct str *text)
{
    struct tags tags = {.s3 = s3};
    struct str rest = s3_header(s3, "x-amz-tagging"), pair, name;
    while (str_split(&rest, '&', &pair)) {
        struct tag tag = {.value = STR("")};
        if (pair.len == 0)
            continue;
        (void)str_split(&pair, '=', &name);
        if (!decode(s3, name, &tag.name) || (pair.data && !decode(s3, pair, &tag.value)) || !add_tag(&tags, tag))
            return false;
    }
    return join_tags(&tags, text);
}

/* --- operations --- */

static bool on_tag_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct tags *tags = ctx;
    if (str_eq(parent, STR("Tag")) && str_eq(name, STR("Key")))
        tags->next.name = text;
    else if (str_eq(parent, STR("Tag")) && str_eq(name, STR("Value")))
        tags->next.value = text;
    if (str_eq(parent, STR("Tagging")) && str_eq(name, STR("TagSet")))
        tags->has_set = true;
    if (!str_eq(parent, STR("TagSet")) || !str_eq(name, STR("Tag")))
        return true;
    struct tag tag = tags->next;
    tags->next = (struct tag){0};
    return add_tag(tags, tag);
}

static void set_tags(struct s3 *s3, struct str text)
{
    struct error error;
    enum objects_problem problem = objects_set_tags(s3->objects, s3->tenant, s3->bucket, s3->key, text, &error);
    if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
}

void s3_put_tagging(struct s3 *s3)
{
    struct tags tags = {.s3 = s3};
    struct str text;
    if (!xml_read(s3->request.body, &s3->arena, on_tag_element, &tags) || !tags.has_set) {
        if (!s3_has_failed(s3))
            (void)fail_tags(s3, "MalformedXML", "The XML you provided was not well-formed or did not validate against "
                                                "our published schema");
        return;
    }
    if (join_tags(&tags, &text))
        set_tags(s3, text);
}

void s3_delete_tagging(struct s3 *s3)
{
    set_tags(s3, STR(""));
    if (!s3_has_failed(s3))
        s3->status = 204;
}

void s3_get_tagging(struct s3 *s3)
{
    struct objects_info info;
    struct error error;
    struct str rest, name, value;
    enum objects_problem problem = objects_head(s3->objects, s3->tenant, s3->bucket, s3->key, &info, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    buf_append_text(&s3->body, XML_HEAD "<Tagging" S3_XMLNS "><TagSet>");
    rest = str_of(info.tags);
    while (str_split(&rest, '\n', &name) && str_split(&rest, '\n', &value)) {
        buf_append_text(&s3->body, "<Tag>");
        xml_append(&s3->body, "Key", name);
        xml_append(&s3->body, "Value", value);
        buf_append_text(&s3->body, "</Tag>");
    }
    buf_append_text(&s3->body, "</TagSet></Tagging>");
}

void s3_add_tag_count(struct s3 *s3, const struct objects_info *info)
{
    char text[16];
    unsigned lines = 0;
    for (const char *at = info->tags; *at; at++)
        lines += *at == '\n';
    (void)snprintf(text, sizeof(text), "%u", lines / 2);
    if (lines > 0)
        s3_add_header(s3, "x-amz-tagging-count", str_of(text));
}
