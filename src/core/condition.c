/* The table of conditions: a handful of rows under one mutex, written when something changes, read by /readyz. */
#include "core/condition.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"

struct condition {
    const char *name;
    enum condition_level level;
    char text[CONDITION_TEXT_MAX];
};

static struct condition conditions[CONDITIONS_MAX];
static size_t condition_count;
static pthread_mutex_t condition_mutex = PTHREAD_MUTEX_INITIALIZER;

/* With the mutex held. NULL: never set. */
static struct condition *find(const char *name)
{
    for (size_t i = 0; i < condition_count; i++)
        if (strcmp(conditions[i].name, name) == 0)
            return &conditions[i];
    return NULL;
}

static struct condition *find_or_add(const char *name)
{
    struct condition *row = find(name);
    if (row)
        return row;
    assert(condition_count < CONDITIONS_MAX);
    row = &conditions[condition_count++];
    row->name = name;
    return row;
}

/* Only changes of the level are logged: a text with a figure in it may change every second. */
static void log_change(const struct condition *row)
{
    static const enum log_level levels[] = {
        [CONDITION_CLEAR] = LOG_INFO, [CONDITION_NOTE] = LOG_WARN, [CONDITION_DOWN] = LOG_ERROR};
    static const char *const words[] = {
        [CONDITION_CLEAR] = "over", [CONDITION_NOTE] = "note", [CONDITION_DOWN] = "down"};
    log_event(levels[row->level], "condition", LOG_C("name", row->name), LOG_C("level", words[row->level]),
              LOG_C("text", row->text));
}

void condition_set(const char *name, enum condition_level level, const char *format, ...)
{
    char text[CONDITION_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    pthread_mutex_lock(&condition_mutex);
    struct condition *row = find_or_add(name);
    const bool is_change = row->level != level;
    row->level = level;
    memcpy(row->text, text, sizeof(text));
    const struct condition copy = *row;
    pthread_mutex_unlock(&condition_mutex);
    if (is_change)
        log_change(&copy);
}

void condition_clear(const char *name)
{
    if (condition_level(name) != CONDITION_CLEAR)
        condition_set(name, CONDITION_CLEAR, "%s", "");
}

enum condition_level condition_level(const char *name)
{
    pthread_mutex_lock(&condition_mutex);
    const struct condition *row = find(name);
    const enum condition_level level = row ? row->level : CONDITION_CLEAR;
    pthread_mutex_unlock(&condition_mutex);
    return level;
}

bool condition_any_down(void)
{
    bool is_down = false;
    pthread_mutex_lock(&condition_mutex);
    for (size_t i = 0; i < condition_count; i++)
        is_down |= conditions[i].level == CONDITION_DOWN;
    pthread_mutex_unlock(&condition_mutex);
    return is_down;
}

void condition_each(void (*each)(void *ctx, const char *name, enum condition_level level, const char *text), void *ctx)
{
    pthread_mutex_lock(&condition_mutex);
    for (int level = CONDITION_DOWN; level >= CONDITION_CLEAR; level--)
        for (size_t i = 0; i < condition_count; i++)
            if ((int)conditions[i].level == level && conditions[i].text[0] != '\0')
                each(ctx, conditions[i].name, conditions[i].level, conditions[i].text);
    pthread_mutex_unlock(&condition_mutex);
}

static void append_text(void *ctx, const char *name, enum condition_level level, const char *text)
{
    (void)level;
    buf_appendf(ctx, "%s: %s\n", name, text);
}

void condition_append_text(struct buf *out)
{
    condition_each(append_text, out);
}

void condition_append_metrics(struct buf *out)
{
    pthread_mutex_lock(&condition_mutex);
    for (size_t i = 0; i < condition_count; i++)
        buf_appendf(out, "fulcrum_condition{name=\"%s\"} %d\n", conditions[i].name, (int)conditions[i].level);
    pthread_mutex_unlock(&condition_mutex);
}
