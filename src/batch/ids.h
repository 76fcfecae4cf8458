/* ids.h - a set of names, by their 128-bit hash: whether one came before. 32 bytes for each, whatever its length. One
 * thread. */
#ifndef BATCH_IDS_H
#define BATCH_IDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/str.h"

struct id_set { /* zeroed: empty */
    struct id_hash *slots;
    size_t count, cap;
};

void id_set_deinit(struct id_set *set);
enum error_code id_set_add(struct id_set *set, struct str id, bool *is_new, struct error *error) WARN_UNUSED;

#endif
