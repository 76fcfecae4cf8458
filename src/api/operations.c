/* The tables of operations, and how a path finds its row. */
#include "api/operations.h"

#include <assert.h>

#include "api/anthropic/dialect.h"
#include "api/bedrock/dialect.h"
#include "api/call.h"
#include "api/console/dialect.h"
#include "api/control/sts.h"
#include "api/monitoring/protocol.h"
#include "api/openai/dialect.h"

/* The server's own, which speak to nobody's client. */
static const struct api_operation own_rows[] = {
    {"GET", "/healthz", "healthz", .handle = health_alive, .is_open = true},
    {"GET", "/readyz", "readyz", .handle = health_ready, .is_open = true},
    {"GET", "/metrics", "metrics", .handle = health_metrics, .needs_admin = true},
};
static const struct operations_table own = {
    .dialect = &console_dialect, .prefix = "", .rows = own_rows, .count = sizeof(own_rows) / sizeof(own_rows[0])};

/* One row for the counters; src/s3/route.c has them all. */
static const struct api_operation s3_rows[] = {{.method = "", .pattern = "", .name = "S3"}};
static const struct operations_table s3 = {.dialect = &bedrock_dialect, .prefix = "", .rows = s3_rows, .count = 1};

static const struct operations_table *tables[OPERATIONS_TABLES_MAX] = {
    &bedrock_operations, &sts_operations, &own, &s3, &monitoring_table, &console_operations,
    &console_pages, &anthropic_operations, &openai_operations};
static size_t tables_len = 9;

void operations_add(const struct operations_table *table)
{
    for (size_t i = 0; i < tables_len; i++)
        if (tables[i] == table)
            return;
    /* Metrics have a row for every operation, and one for requests that reach none. */
    assert(tables_len < OPERATIONS_TABLES_MAX && operations_count() + table->count < METRICS_OPERATIONS_MAX);
    tables[tables_len++] = table;
}

size_t operations_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < tables_len; i++)
        count += tables[i]->count;
    return count;
}

const struct api_operation *operations_at(size_t index)
{
    size_t at = 0;
    while (index >= tables[at]->count)
        index -= tables[at++]->count;
    return &tables[at]->rows[index];
}

size_t operations_s3_index(void)
{
    size_t index = 0;
    for (size_t i = 0; tables[i] != &s3; i++)
        index += tables[i]->count;
    return index;
}

/* As the table's patterns have it. */
static struct str path_in(const struct operations_table *table, struct str path)
{
    const struct str mount = str_of(table->mount);
    const bool is_mounted =
        mount.len > 0 && path.len > mount.len && str_starts(path, mount) && path.data[mount.len] == '/';
    return is_mounted ? str_slice(path, mount.len, path.len) : path;
}

const struct dialect *operations_dialect(struct str path)
{
    const struct operations_table *best = tables[0];
    for (size_t i = 1; i < tables_len; i++)
        if (str_starts(path_in(tables[i], path), str_of(tables[i]->prefix)) &&
            strlen(tables[i]->prefix) > strlen(best->prefix))
            best = tables[i];
    return best->dialect;
}

bool operations_path_matches(const char *pattern, struct str path, bool spans_slashes, struct str *parameter)
{
    size_t at = 0;
    while (*pattern && *pattern != '{') {
        if (at == path.len || path.data[at] != *pattern)
            return false;
        at++;
        pattern++;
    }
    if (!*pattern)
        return at == path.len;
    const char *rest = strchr(pattern, '}') + 1;
    ptrdiff_t slash = str_find_char(path, '/', at);
    size_t segment_end = slash < 0 ? path.len : (size_t)slash;
    /* A whole segment, or the longest stretch that the rest of the pattern allows. */
    for (size_t end = spans_slashes ? path.len : segment_end; end > at; end--) {
        *parameter = str_slice(path, at, end);
        if (operations_path_matches(rest, str_slice(path, end, path.len), spans_slashes, parameter))
            return true;
        if (!spans_slashes)
            return false;
    }
    return false;
}

/* Row by row, over all tables. */
static bool find_served(struct str method, struct str path, bool spans_slashes, struct operations_match *match)
{
    size_t index = 0;
    for (size_t i = 0; i < tables_len; i++) {
        const struct operations_table *table = tables[i];
        const struct str inner = path_in(table, path);
        for (size_t row = 0; row < table->count; row++, index++) {
            if (!operations_path_matches(table->rows[row].pattern, inner, spans_slashes, &match->parameter))
                continue;
            if (str_eq(method, str_of(table->rows[row].method))) {
                match->operation = &table->rows[row];
                match->dialect = table->dialect;
                match->index = index;
                return true;
            }
            match->allowed_method = table->rows[row].method;
            match->dialect = table->dialect;
        }
    }
    return false;
}

static bool absent_fits(const struct absent_operation *absent, struct str method, struct str path,
                        struct operations_match *match)
{
    struct str parameter;
    if (!operations_path_matches(absent->pattern, path, false, &parameter))
        return false;
    if (str_eq(method, str_of(absent->method)))
        match->absent = absent->name;
    else
        match->allowed_method = absent->method;
    return match->absent != NULL;
}

static bool find_absent(struct str method, struct str path, struct operations_match *match)
{
    for (size_t i = 0; i < tables_len; i++)
        for (const struct absent_operation *absent = tables[i]->absent; absent && absent->name; absent++)
            if (absent_fits(absent, method, path_in(tables[i], path), match)) {
                match->dialect = tables[i]->dialect;
                return true;
            }
    return false;
}

struct operations_match operations_find(struct str method, struct str path)
{
    struct operations_match match = {.dialect = operations_dialect(path)};
    /* Load balancers probe with HEAD; net sends no body for it. */
    if (str_eq(method, STR("HEAD")))
        method = STR("GET");
    if (find_served(method, path, false, &match) || find_absent(method, path, &match))
        return match;
    if (!match.allowed_method)
        find_served(method, path, true, &match);
    return match;
}
