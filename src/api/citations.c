/* Lists of citations, whatever the dialect of one. */
#include "api/citations.h"

bool citations_read(struct arena *arena, yyjson_val *array, citation_reader read,
                    const struct chat_citation **citations, size_t *citation_count)
{
    size_t i, count = yyjson_arr_size(array);
    yyjson_val *item;
    if (count == 0)
        return true;
    struct chat_citation *list = ARENA_ARRAY(arena, struct chat_citation, count);
    if (!list)
        return false;
    yyjson_arr_foreach(array, i, count, item) read(item, &list[i]);
    *citations = list;
    *citation_count = count;
    return true;
}
