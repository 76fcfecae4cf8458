/* row_ids.h - which IDs rows of data have had so far, and where. One thread. */
#ifndef ROUTE_ROW_IDS_H
#define ROUTE_ROW_IDS_H

#include "core/mem.h"

struct row_id {
    struct str id;
    size_t number; /* of its row; 0: the place is free */
};

/* Zeroed: empty. */
struct row_ids {
    struct row_id *places;
    size_t count, cap;
    struct arena arena; /* owns the IDs */
};

void row_ids_deinit(struct row_ids *ids);

/* Notes that the row `number`, above 0, has this ID. *before: the row that had it already, which stays noted; 0: none.
 * False: no memory. */
bool row_ids_add(struct row_ids *ids, struct str id, size_t number, size_t *before) __attribute__((warn_unused_result));

#endif
