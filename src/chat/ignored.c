/* Ignored members: their paths, and the table of those that the log has named. */
#include "chat/ignored.h"

#include <pthread.h>
#include <string.h>

#include "core/log.h"

/* What the log has named. When it is full, further paths are named in replies only. */
static struct {
    pthread_mutex_t mutex;
    char paths[LIMIT_IGNORED_LOGGED][LIMIT_IGNORED_PATH_BYTES];
    size_t count;
} logged = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static char printable(char c)
{
    return c > ' ' && c < 0x7F && c != ',' ? c : '?';
}

static size_t append(char *path, size_t len, char c)
{
    if (len + 1 < LIMIT_IGNORED_PATH_BYTES)
        path[len++] = c;
    return len;
}

/* One member in each of a thousand messages is one path. */
static size_t append_without_indices(char *path, const char *where)
{
    size_t len = 0;
    bool in_index = false;
    for (; *where; where++) {
        in_index = in_index && *where != ']';
        if (!in_index)
            len = append(path, len, *where);
        in_index = in_index || *where == '[';
    }
    return len;
}

static bool is_noted(const struct ignored *ignored, struct str path)
{
    for (size_t i = 0; i < ignored->count; i++)
        if (str_eq(ignored->paths[i], path))
            return true;
    return false;
}

void ignored_note(struct ignored *ignored, const char *where, struct str name, uint32_t needs)
{
    char text[LIMIT_IGNORED_PATH_BYTES];
    size_t len = append_without_indices(text, where);
    if (len > 0)
        len = append(text, len, '.');
    for (size_t i = 0; i < name.len; i++)
        len = append(text, len, printable(name.data[i]));
    struct str path = {text, len};
    if (is_noted(ignored, path))
        return;
    if (ignored->count == LIMIT_IGNORED_PATHS || !arena_str(ignored->arena, path, &ignored->paths[ignored->count]))
        ignored->is_cut = true;
    else
        ignored->needs[ignored->count++] = needs;
}

static bool is_ignored(const struct ignored *ignored, size_t index)
{
    return !(ignored->needs[index] & ignored->taken);
}

static void append_part(struct str *list, char *text, struct str part)
{
    memcpy(text + list->len, ", ", list->len ? 2 : 0);
    list->len += list->len ? 2 : 0;
    memcpy(text + list->len, part.data, part.len);
    list->len += part.len;
}

struct str ignored_list(const struct ignored *ignored)
{
    struct str list = {0};
    size_t len = 0;
    for (size_t i = 0; i < ignored->count; i++)
        len += is_ignored(ignored, i) ? ignored->paths[i].len + 2 : 0;
    if (len == 0)
        return list;
    char *text = arena_alloc(ignored->arena, len + sizeof(", ..."));
    if (!text)
        return list;
    list.data = text;
    for (size_t i = 0; i < ignored->count; i++)
        if (is_ignored(ignored, i))
            append_part(&list, text, ignored->paths[i]);
    if (ignored->is_cut)
        append_part(&list, text, STR("..."));
    return list;
}

/* With the mutex held: whether the path is new, and now in the table. */
static bool remember(struct str path)
{
    for (size_t i = 0; i < logged.count; i++)
        if (str_eq(path, str_of(logged.paths[i])))
            return false;
    if (logged.count == LIMIT_IGNORED_LOGGED)
        return false;
    memcpy(logged.paths[logged.count], path.data, path.len);
    logged.paths[logged.count++][path.len] = '\0';
    return true;
}

void ignored_log(const struct ignored *ignored)
{
    for (size_t i = 0; i < ignored->count; i++) {
        if (!is_ignored(ignored, i))
            continue;
        pthread_mutex_lock(&logged.mutex);
        bool is_new = remember(ignored->paths[i]);
        pthread_mutex_unlock(&logged.mutex);
        if (is_new)
            log_event(LOG_INFO, "member ignored", LOG_S("path", ignored->paths[i]));
    }
}
