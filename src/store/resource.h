/* resource.h - what tenants make by the API and name in requests, such as prompt routers and inference profiles. Each
 * kind has a table in DATA/state.db; all of them are in memory, since every request that names one has to find it.
 *
 * A kind is a struct that begins with a `struct resource`, and a table of what is its own. Any thread. What changes
 * something waits for the disk: I/O threads leave that to others. Strings that are handed out lie in the caller's
 * arena. */
#ifndef STORE_RESOURCE_H
#define STORE_RESOURCE_H

#include "core/error.h"
#include "core/mem.h"
#include "store/sql.h"

#define RESOURCE_ID_LEN 12 /* [a-z0-9] */

struct resource {
    char id[RESOURCE_ID_LEN + 1];
    int64_t sequence;             /* order of creation */
    struct str tenant;
    struct str token;             /* of the request that made it; may be empty */
    struct str tags;              /* a JSON object of strings, keys ascending; empty: none */
    uint64_t created_us, updated_us;
};

/* Functions get whole structs of the kind. */
struct resource_kind {
    const char *name, *names;     /* "prompt router", "prompt routers", as errors say it */
    const char *room;             /* of state_migrate */
    const char *const *steps;     /* they make `table` with a column for each member above */
    size_t step_count;
    const char *table, *columns;  /* ... and these of its own, with commas between */
    size_t column_count;
    size_t size;
    /* Where members of type struct str lie in the struct that are its first columns, in their order. */
    const size_t *strings;
    size_t string_count;
    /* What else it has; all NULL where that is nothing. Strings, which lie elsewhere, are put into the arena. */
    bool (*copy)(void *resource, struct arena *arena);
    /* The columns behind `strings`, from `column` on; strings may lie in the row or in the arena. */
    enum error_code (*read)(void *resource, struct sql_statement *row, int column, struct arena *arena,
                            struct error *error);
    /* The same the other way; what is bound may lie in the arena. */
    enum error_code (*bind)(const void *resource, struct sql_statement *query, int parameter, struct arena *arena,
                            struct error *error);
    bool (*is_same)(const void *a, const void *b); /* as requests that make one */
    /* ERROR_CONFLICT: this one of the tenant's stands in the way of another. NULL: none does. */
    enum error_code (*check)(const void *other, const void *resource, struct error *error);
    uint64_t (*most)(bool of_all_tenants);
};

struct resources;

enum error_code resources_open(const struct resource_kind *kind, const char *data, struct resources **resources,
                               struct error *error) WARN_UNUSED;
void resources_close(struct resources *resources); /* NULL is legal */

/* Whether this could be the ID of one. */
bool resource_is_id(struct str id);

/* ERROR_NOT_FOUND, also for another tenant's. */
enum error_code resources_get(struct resources *resources, struct str tenant, struct str id, struct arena *arena,
                              void *resource, struct error *error) WARN_UNUSED;

/* The tenant's, in the order in which they were made, from behind sequence `beyond` on, at most `max`, as an array of
 * the kind's structs; *has_more: there are others. */
enum error_code resources_list(struct resources *resources, struct str tenant, int64_t beyond, size_t max,
                               struct arena *arena, void **found, size_t *count, bool *has_more,
                               struct error *error) WARN_UNUSED;

/* Everybody's, in the order in which they were made. */
enum error_code resources_list_all(struct resources *resources, struct arena *arena, void **found, size_t *count,
                                   struct error *error) WARN_UNUSED;

/* Gives ID, sequence and times. When the tenant has used the token before: OK and that one's ID if the requests are the
 * same, else ERROR_CONFLICT. ERROR_QUOTA: there are too many. */
enum error_code resources_create(struct resources *resources, void *resource, struct error *error) WARN_UNUSED;

/* The one with this ID and tenant gets these columns of its kind's own, and the time of the change; token and tags stay
 * as they are. */
enum error_code resources_update(struct resources *resources, const void *resource, struct error *error) WARN_UNUSED;

enum error_code resources_delete(struct resources *resources, struct str tenant, struct str id,
                                 struct error *error) WARN_UNUSED;

/* `merge` makes the new tags of the old ones, in the arena; nobody else changes them meanwhile. */
typedef enum error_code resource_merge(void *ctx, struct str tags, struct arena *arena, struct str *merged,
                                       struct error *error);
enum error_code resources_tag(struct resources *resources, struct str tenant, struct str id, resource_merge *merge,
                              void *ctx, struct error *error) WARN_UNUSED;

#endif
