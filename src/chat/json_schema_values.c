/* Values as alternatives, as a tree by the bytes that they begin with, so that
 * a machine follows one path through a thousand names. */
#include <stdlib.h>

#include "chat/schema_compiler.h"
#include "core/mem.h"

#define TREE_DEPTH_MAX 48 /* brackets inside brackets; below, alternatives are written out */

static int compare_texts(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->data, y->data, len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Bytes that all texts share from `from` on, whole characters only. */
static size_t shared_len(const struct str *texts, size_t count, size_t from)
{
    const struct str *first = &texts[0], *last = &texts[count - 1]; /* sorted: the two that differ most */
    size_t end = from;
    while (end < first->len && end < last->len && first->data[end] == last->data[end])
        end++;
    while (end > from && end < first->len && ((unsigned char)first->data[end] & 0xC0) == 0x80)
        end--;
    while (end > from && end < last->len && ((unsigned char)last->data[end] & 0xC0) == 0x80)
        end--;
    return end - from;
}

static void write_tree(struct buf *out, const struct str *texts, size_t count, size_t from, int depth);

/* Alternatives that differ in their first byte. */
static void write_groups(struct buf *out, const struct str *texts, size_t count, size_t from, int depth)
{
    bool is_first = true;
    for (size_t i = 0; i < count; is_first = false) {
        size_t end = i + 1;
        while (end < count && depth < TREE_DEPTH_MAX && from < texts[i].len && texts[end].len > from &&
               shared_len(&texts[i], end + 1 - i, from) > 0)
            end++;
        if (!is_first)
            buf_append_text(out, " | ");
        write_tree(out, &texts[i], end - i, from, depth + 1);
        i = end;
    }
}

static void write_tree(struct buf *out, const struct str *texts, size_t count, size_t from, int depth)
{
    size_t len = count == 1 ? texts[0].len - from : shared_len(texts, count, from);
    if (len > 0 || count == 1)
        gbnf_literal(out, str_slice(texts[0], from, from + len));
    if (count == 1)
        return;
    buf_append_text(out, " (");
    write_groups(out, texts, count, from + len, depth);
    buf_append_char(out, ')');
}

static size_t drop_equal(struct str *texts, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !str_eq(texts[kept - 1], texts[i]))
            texts[kept++] = texts[i];
    return kept;
}

void schema_values(struct schema_compiler *compiler, struct buf *out, yyjson_val **values, size_t count)
{
    struct arena arena;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, GBNF_TEXT_MAX);
    struct str *texts = ARENA_ARRAY(&arena, struct str, count);
    bool is_copied = texts != NULL;
    for (size_t i = 0; i < count && is_copied; i++) {
        buf_clear(&text);
        is_copied = json_append(&text, values[i]) && arena_str(&arena, buf_str(&text), &texts[i]);
    }
    gbnf_spend(&compiler->gbnf, count);
    if (!is_copied) {
        gbnf_fail_memory(&compiler->gbnf);
    } else {
        qsort(texts, count, sizeof(*texts), compare_texts);
        write_groups(out, texts, drop_equal(texts, count), 0, 0);
    }
    buf_deinit(&text);
    arena_deinit(&arena);
}
