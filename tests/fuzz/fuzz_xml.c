/* The XML of S3: names and text are inside the bytes' bounds, and what is written is read again. */
#include <assert.h>

#include "core/xml.h"

static bool on_element(void *ctx, struct str parent, struct str name, struct str text)
{
    struct buf *out = ctx;
    assert(name.len > 0 && (parent.len == 0 || parent.data));
    buf_append_str(out, text);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf all, again;
    if (size > 65536)
        return 0;
    struct str text = {(const char *)data, size};
    arena_init(&arena, 0);
    buf_init(&all, size * 8 + 64);
    (void)xml_read(text, &arena, on_element, &all);
    assert(!all.failed && all.len <= size);
    if (str_is_utf8(text)) {
        buf_init(&again, size * 8 + 64);
        xml_append(&again, "a", text);
        buf_clear(&all);
        bool is_read = xml_read(buf_str(&again), &arena, on_element, &all);
        bool has_nul = memchr(data, 0, size) != NULL; /* not in XML, however it is written */
        assert(has_nul || (is_read && str_eq(buf_str(&all), text)));
        buf_deinit(&again);
    }
    buf_deinit(&all);
    arena_deinit(&arena);
    return 0;
}
