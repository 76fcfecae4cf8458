/* router_store.h - the routers that tenants have made by the API. They are kept in DATA/state.db, and all of them in
 * memory, since every request that names one has to find it.
 *
 * Any thread. What changes them waits for the disk: I/O threads leave that to others. Strings that are handed out lie
 * in the caller's arena. */
#ifndef MODEL_ROUTER_STORE_H
#define MODEL_ROUTER_STORE_H

#include "model/router.h"

struct router_store;

enum error_code router_store_open(const char *data, struct router_store **store, struct error *error) WARN_UNUSED;
void router_store_close(struct router_store *store); /* NULL is legal */

/* ERROR_NOT_FOUND, also for another tenant's. */
enum error_code router_store_get(struct router_store *store, struct str tenant, struct str id, struct arena *arena,
                                 struct router *router, struct error *error) WARN_UNUSED;

/* The tenant's, in the order in which they were made, from behind sequence `beyond` on, at most `max`; *has_more: there
 * are others. */
enum error_code router_store_list(struct router_store *store, struct str tenant, int64_t beyond, size_t max,
                                  struct arena *arena, struct router **found, size_t *count, bool *has_more,
                                  struct error *error) WARN_UNUSED;

/* Gives ID, sequence and times. When the tenant has used the token before: OK and that router's ID if the requests are
 * the same, else ERROR_CONFLICT, as for a name that is taken. ERROR_QUOTA: there are too many. */
enum error_code router_store_create(struct router_store *store, struct router *router,
                                    struct error *error) WARN_UNUSED;

enum error_code router_store_delete(struct router_store *store, struct str tenant, struct str id,
                                    struct error *error) WARN_UNUSED;

/* `merge` makes the new tags of the old ones, in the arena; nobody else changes them meanwhile. */
typedef enum error_code router_merge(void *ctx, struct str tags, struct arena *arena, struct str *merged,
                                     struct error *error);
enum error_code router_store_tag(struct router_store *store, struct str tenant, struct str id, router_merge *merge,
                                 void *ctx, struct error *error) WARN_UNUSED;

/* Whether this could be the ID of one. */
bool router_is_id(struct str id);

#endif
