/* Forms: every part lies within the body, in order and without its delimiter; whatever the bytes are, reading ends. The
 * input is the content type's line, then the body. */
#include <assert.h>

#include "api/multipart.h"

static void check_part(struct str body, const struct multipart *form, const struct multipart_part *part,
                       const char *before)
{
    assert(str_find(part->body, str_of(form->delimiter), 0) < 0);
    assert(str_is_utf8(part->name) && str_is_utf8(part->filename));
    if (part->body.len == 0)
        return;
    assert(part->body.data >= before && part->body.data + part->body.len <= body.data + body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str all = {(const char *)data, size};
    const ptrdiff_t line = str_find_char(all, '\n', 0);
    const struct str type = str_slice(all, 0, line < 0 ? 0 : (size_t)line);
    const struct str body = str_slice(all, line < 0 ? 0 : (size_t)line + 1, size);
    struct multipart form;
    struct multipart_part part;
    struct error error;
    struct arena arena;
    bool has_part = true;
    const char *before = body.data;
    size_t count = 0;
    if (multipart_open(&form, type, body, &error) != OK)
        return 0;
    arena_init(&arena, 0);
    while (multipart_next(&form, &arena, &part, &has_part, &error) == OK && has_part) {
        check_part(body, &form, &part, before);
        before = part.body.len > 0 ? part.body.data + part.body.len : before;
        assert(++count <= MULTIPART_PARTS_MAX);
    }
    arena_deinit(&arena);
    return 0;
}
