/* dashboards.h - dashboards of tenants: a name and a text, in DATA/state.db. What the text draws is its reader's
 * affair; here it is only looked at for what would make a reader stumble. Any thread; waits for the disk. */
#ifndef MONITOR_DASHBOARDS_H
#define MONITOR_DASHBOARDS_H

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

struct dashboards;

enum error_code dashboards_open(const char *data, struct dashboards **dashboards, struct error *error) WARN_UNUSED;
void dashboards_close(struct dashboards *dashboards); /* NULL is legal */

struct dashboard {
    struct str tenant, name, account;
    struct str body;
    struct str tags; /* a JSON object of strings; empty: none */
    uint64_t modified_us;
    uint64_t size;   /* of the body, which lists leave out */
};

/* Makes it or takes the place of the one with its name, whose tags stay where `tags` is empty. ERROR_QUOTA: the tenant
 * has too many; ERROR_TOO_LARGE: the body is. */
enum error_code dashboards_put(struct dashboards *dashboards, const struct dashboard *dashboard,
                               struct error *error) WARN_UNUSED;
/* ERROR_NOT_FOUND. Strings go into the arena. */
enum error_code dashboards_get(struct dashboards *dashboards, struct str tenant, struct str name, struct arena *arena,
                               struct dashboard *dashboard, struct error *error) WARN_UNUSED;
enum error_code dashboards_tag(struct dashboards *dashboards, struct str tenant, struct str name, struct str tags,
                               struct error *error) WARN_UNUSED;
/* In the order of names, those that begin with `prefix`, without the first `skip`. */
enum error_code dashboards_list(struct dashboards *dashboards, struct str tenant, struct str prefix, uint64_t skip,
                                size_t max, struct arena *arena, struct dashboard **found, size_t *count,
                                bool *has_more, struct error *error) WARN_UNUSED;
/* All or none: ERROR_NOT_FOUND names the one that isn't there. */
enum error_code dashboards_delete(struct dashboards *dashboards, struct str tenant, const struct str *names,
                                  size_t count, struct error *error) WARN_UNUSED;

bool dashboard_is_name(struct str name); /* 1 to 255 letters, digits, - and _ */

/* What a reader of the body may stumble over: where, as a path, and what. */
struct dashboard_flaw {
    struct str path, message;
};
#define DASHBOARD_FLAWS_MAX 100
/* ERROR_INVALID: the body is no JSON object. Flaws are no errors; they lie in the arena. */
enum error_code dashboard_check(struct str body, struct arena *arena, struct dashboard_flaw **flaws, size_t *count,
                                struct error *error) WARN_UNUSED;

#endif
