/* Rows and chunks of monitor.db: what was read is written the same again, and nothing outside the bytes is touched. */
#include <assert.h>

#include "monitor/cell.h"
#include "monitor/kinds.h"
#include "monitor/seal.h"

static void read_row(struct str row)
{
    struct arena arena;
    struct buf out, again;
    struct cell cells[KIND_METRICS_MAX] = {0}, copies[KIND_METRICS_MAX] = {0}, one = {0};
    arena_init(&arena, 0);
    buf_init(&out, CELL_ROW_MAX);
    buf_init(&again, CELL_ROW_MAX);
    if (cells_unpack(row, cells, KIND_METRICS_MAX, &arena)) {
        assert(cells_unpack_one(row, 3, true, &one, &arena));
        assert(one.count == cells[3].count && one.sketch.count == cells[3].sketch.count);
        cells_pack(&out, cells, KIND_METRICS_MAX);
        if (cells_unpack(buf_str(&out), copies, KIND_METRICS_MAX, &arena)) { /* sums may have left what is a number */
            cells_pack(&again, copies, KIND_METRICS_MAX);
            assert(str_eq(buf_str(&out), buf_str(&again)));
        }
    }
    buf_deinit(&out);
    buf_deinit(&again);
    arena_deinit(&arena);
}

static void read_chunk(struct str bytes)
{
    struct seal *seal;
    struct error error;
    struct str entries, row, packed;
    uint16_t offset;
    for (entries = bytes; seal_take(&entries, &offset, &row);)
        read_row(row);
    assert(entries.len <= bytes.len);
    if (seal_new(&seal, &error) != OK)
        return;
    if (seal_unpack(seal, bytes, &entries, &error) != OK)
        assert(error.message[0]);
    assert(seal_pack(seal, bytes, &packed, &error) == OK);
    struct buf copy;
    buf_init(&copy, packed.len + 1);
    buf_append_str(&copy, packed);
    assert(seal_unpack(seal, buf_str(&copy), &entries, &error) == OK && str_eq(entries, bytes));
    buf_deinit(&copy);
    seal_free(seal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    const struct str bytes = {size ? (const char *)data : "", size};
    read_row(bytes);
    read_chunk(bytes);
    return 0;
}
