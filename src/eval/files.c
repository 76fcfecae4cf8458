/* files.c - an evaluation job's files: its directory, and its objects. See course.h. */
#include "eval/course.h"

#include <stdio.h>
#include <unistd.h>

#include "batch/files.h"
#include "batch/prepare.h"
#include "core/file.h"
#include "core/limits.h"

enum error_code course_path(const struct course *course, const char *name, char path[COURSE_PATH_MAX],
                            struct error *error)
{
    const int len = snprintf(path, COURSE_PATH_MAX, "%s/" COURSE_DIRECTORY "/%s%s%s", course->options->data,
                             course->job.id, *name ? "/" : "", name);
    return len > 0 && len < COURSE_PATH_MAX ? OK
                                            : error_set(error, ERROR_IO, "the path of the data directory is too long");
}

enum error_code course_set_path(const struct course *course, size_t set, char path[COURSE_PATH_MAX],
                                struct error *error)
{
    char name[COURSE_NAME_MAX];
    (void)snprintf(name, sizeof(name), "set-%zu.jsonl", set);
    return course_path(course, name, path, error);
}

enum error_code course_make_directory(const struct course *course, struct error *error)
{
    char path[COURSE_PATH_MAX];
    const int len = snprintf(path, sizeof(path), "%s/" COURSE_DIRECTORY, course->options->data);
    if (len < 0 || len >= COURSE_PATH_MAX)
        return error_set(error, ERROR_IO, "the path of the data directory is too long");
    enum error_code code = directory_make(path, error);
    if (code == OK)
        code = course_path(course, "", path, error);
    return code == OK ? directory_make(path, error) : code;
}

static enum error_code read_object(struct course *course, struct str bucket, struct str key, struct buf *text,
                                   struct error *error)
{
    bool is_whole;
    const enum error_code code = objects_code(objects_read(course->options->objects, course->job.tenant, bucket, key,
                                                           text, &is_whole, error), error);
    return code == OK && !is_whole
               ? error_set(error, ERROR_TOO_LARGE, "it has more than %zu bytes (limits: eval_file_bytes)", text->max)
               : code;
}

enum error_code course_read_object(struct course *course, struct str uri, struct buf *text, struct error *error)
{
    struct str bucket, key;
    enum error_code code = objects_code(objects_parse_uri(uri, &bucket, &key, error), error);
    if (code == OK)
        code = read_object(course, bucket, key, text, error);
    return code == OK ? OK : error_prefix(error, STR_FMT, STR_ARG(uri));
}

static enum error_code key_of(const struct course *course, const char *name, char key[OBJECTS_KEY_MAX + 1],
                              struct error *error)
{
    const int len = snprintf(key, OBJECTS_KEY_MAX + 1, STR_FMT "%s", STR_ARG(course->prefix), name);
    return len > 0 && len <= OBJECTS_KEY_MAX
               ? OK
               : error_set(error, ERROR_INVALID, "The key of the output %s is longer than %d bytes.", name,
                           OBJECTS_KEY_MAX);
}

enum error_code course_put(struct course *course, const char *name, const char *type, struct str text,
                           struct error *error)
{
    char path[COURSE_PATH_MAX], key[OBJECTS_KEY_MAX + 1];
    enum error_code code = key_of(course, name, key, error);
    if (code == OK)
        code = course_path(course, "out", path, error);
    if (code == OK && file_replace(path, text, 0600, error) != OK)
        code = error->code = ERROR_UNAVAILABLE; /* a full disk passes */
    if (code == OK)
        code = objects_code(objects_put_file(course->options->objects, course->job.tenant, course->bucket,
                                                str_of(key), path, str_of(type), error),
                               error);
    (void)unlink(path);
    return code == OK ? OK : error_prefix(error, "the output %s", name);
}

enum error_code course_get(struct course *course, const char *name, struct buf *text, struct error *error)
{
    char key[OBJECTS_KEY_MAX + 1];
    enum error_code code = key_of(course, name, key, error);
    if (code == OK)
        code = read_object(course, course->bucket, str_of(key), text, error);
    return code == OK ? OK : error_prefix(error, "%s", name);
}

static void remove_object(struct course *course, struct str key)
{
    struct error ignored;
    (void)!objects_delete(course->options->objects, course->job.tenant, course->bucket, key, NULL, &ignored);
}

void course_sweep(struct course *course)
{
    char path[COURSE_PATH_MAX], prefix[OBJECTS_KEY_MAX + 1];
    struct error ignored;
    struct arena arena;
    struct objects_page page = {0};
    if (course_path(course, "", path, &ignored) == OK)
        (void)!directory_remove(path, &ignored);
    if (key_of(course, COURSE_WORK, prefix, &ignored) != OK)
        return;
    arena_init(&arena, 0);
    const struct objects_list_options options = {.prefix = str_of(prefix), .max = OBJECTS_PAGE_MAX};
    if (objects_list(course->options->objects, course->job.tenant, course->bucket, &options, &arena, &page, &ignored) ==
        OBJECTS_OK)
        for (size_t i = 0; i < page.count; i++)
            remove_object(course, page.entries[i].key);
    arena_deinit(&arena);
}
