/* order.h - the order in which the records of a job are computed: those that
 * begin alike one after the other, so that the prompt cache still has what they
 * share. One thread. */
#ifndef BATCH_ORDER_H
#define BATCH_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "chat/chat.h"
#include "chat/template.h"

/* Hashes of the prompt's first 256 bytes, 1 KiB, 4 KiB and so on up to 1 MiB,
 * four bytes each, the shortest first: keys of prompts with a common beginning
 * have one too. Compared as bytes. */
#define ORDER_LEVELS 7
#define ORDER_KEY_LEN (ORDER_LEVELS * 4)

struct order_key {
    uint8_t bytes[ORDER_KEY_LEN];
};

/* Documents whose text was not read yet count as their bytes, before all else. */
enum error_code order_key_of(const struct template_spec *spec, const struct chat_request *request,
                             struct order_key *key, struct error *error) WARN_UNUSED;

/* Sorts any number of records in a few MiB of memory: sorted runs go to a file
 * beside the result and are merged. Records count from 0 in the order in which
 * they are added; equal keys keep it. */
struct order;
enum error_code order_new(const char *path, struct order **order, struct error *error) WARN_UNUSED;
enum error_code order_add(struct order *order, const struct order_key *key, struct error *error) WARN_UNUSED;
/* Writes the record numbers, u32 little-endian each, to the path, synced. */
enum error_code order_finish(struct order *order, struct error *error) WARN_UNUSED;
void order_free(struct order *order); /* takes the runs away; NULL is legal */

#define ORDER_RECORDS_MAX UINT32_MAX

#endif
