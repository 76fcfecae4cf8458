/* seal.c - see seal.h. */
#include "monitor/seal.h"

#include <zstd.h>

#include "core/mem.h"

#define LEVEL 12 /* once for each chunk, and nobody waits for it */
#define HEAD_BYTES 6

struct seal {
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
    struct buf room;
};

enum error_code seal_new(struct seal **seal, struct error *error)
{
    struct seal *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    buf_init(&made->room, SEAL_BYTES_MAX + 1024);
    made->packer = ZSTD_createCCtx();
    made->unpacker = ZSTD_createDCtx();
    if (!made->packer || !made->unpacker) {
        seal_free(made);
        return error_no_memory(error);
    }
    *seal = made;
    return OK;
}

void seal_free(struct seal *seal)
{
    if (!seal)
        return;
    (void)ZSTD_freeCCtx(seal->packer);
    (void)ZSTD_freeDCtx(seal->unpacker);
    buf_deinit(&seal->room);
    mem_free(seal);
}

void seal_append(struct buf *entries, uint16_t offset, struct str row)
{
    buf_append_be16(entries, offset);
    buf_append_be32(entries, (uint32_t)row.len);
    buf_append_str(entries, row);
}

enum error_code seal_pack(struct seal *seal, struct str entries, struct str *packed, struct error *error)
{
    buf_clear(&seal->room);
    if (entries.len > SEAL_BYTES_MAX || !buf_reserve(&seal->room, ZSTD_compressBound(entries.len)))
        return error_set(error, ERROR_INTERNAL, "points of metrics cannot be packed: there is no room");
    const size_t len =
        ZSTD_compressCCtx(seal->packer, seal->room.data, seal->room.cap, entries.data, entries.len, LEVEL);
    if (ZSTD_isError(len))
        return error_set(error, ERROR_INTERNAL, "points of metrics cannot be packed: %s", ZSTD_getErrorName(len));
    *packed = (struct str){seal->room.data, len};
    return OK;
}

enum error_code seal_unpack(struct seal *seal, struct str packed, struct str *entries, struct error *error)
{
    const unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.len);
    buf_clear(&seal->room);
    if (size > SEAL_BYTES_MAX || !buf_reserve(&seal->room, (size_t)size + 1))
        return error_set(error, ERROR_INTERNAL, "a chunk of metrics is damaged, or memory is out");
    const size_t len = ZSTD_decompressDCtx(seal->unpacker, seal->room.data, seal->room.cap, packed.data, packed.len);
    if (ZSTD_isError(len))
        return error_set(error, ERROR_INTERNAL, "a chunk of metrics is damaged: %s", ZSTD_getErrorName(len));
    *entries = (struct str){seal->room.data, len};
    return OK;
}

bool seal_take(struct str *entries, uint16_t *offset, struct str *row)
{
    const uint8_t *bytes = (const uint8_t *)entries->data;
    if (entries->len < HEAD_BYTES)
        return false;
    const size_t len = (size_t)bytes[2] << 24 | (size_t)bytes[3] << 16 | (size_t)bytes[4] << 8 | bytes[5];
    if (len > entries->len - HEAD_BYTES)
        return false;
    *offset = (uint16_t)(bytes[0] << 8 | bytes[1]);
    *row = str_slice(*entries, HEAD_BYTES, HEAD_BYTES + len);
    *entries = str_slice(*entries, HEAD_BYTES + len, entries->len);
    return true;
}
