/* objects_read.c - an object as a whole, in memory. See objects.h. */
#include "store/objects.h"

#define CHUNK_BYTES 65536u

static enum objects_problem read_on(struct objects_reader *reader, struct buf *text, bool *is_whole,
                                    struct error *error)
{
    char chunk[CHUNK_BYTES];
    size_t len = 1;
    for (;;) {
        const size_t room = text->max - text->len;
        /* one byte more than there is room for tells whether that was all */
        enum objects_problem problem =
            objects_reader_read(reader, chunk, room < sizeof(chunk) ? room + 1 : sizeof(chunk), &len, error);
        if (problem != OBJECTS_OK)
            return problem;
        *is_whole = len <= room;
        if (!buf_append(text, chunk, len < room ? len : room)) {
            (void)error_no_memory(error);
            return OBJECTS_FAILED;
        }
        if (len == 0 || !*is_whole)
            return OBJECTS_OK;
    }
}

enum objects_problem objects_read(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                  struct buf *text, bool *is_whole, struct error *error)
{
    struct objects_reader *reader = NULL;
    *is_whole = false;
    enum objects_problem problem =
        objects_reader_open(objects, tenant, bucket, key, 0, OBJECTS_SIZE_UNKNOWN, NULL, &reader, error);
    if (problem == OBJECTS_OK)
        problem = read_on(reader, text, is_whole, error);
    objects_reader_close(reader);
    return problem;
}
