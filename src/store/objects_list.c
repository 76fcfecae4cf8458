/* Listing: a walk of the tree in byte order of keys.
 *
 * In one directory a file stands for its key and a directory for its key and
 * '/', and sorted so no entry's keys lie between another's. A directory may
 * hold millions of names, so a walk keeps the smallest few behind its cursor
 * and reads the directory again for the next few. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/objects_dir.h"

/* No key has this byte: PREFIX and it lie behind all keys of the prefix. */
#define BEHIND '\xff'
#define BATCH_MIN 32
#define KEY_ROOM (OBJECTS_KEY_MAX + 8)

struct name {
    char *text; /* between two slashes, with the '/' of a directory */
    size_t len;
    bool is_directory;
};

struct batch { /* the smallest names of one directory behind the cursor */
    struct name *names;
    size_t count, cap, max;
    bool is_cut; /* there are more */
};

struct walk {
    struct objects_dir *dir;
    const struct objects_list_options *options;
    struct str bucket;
    struct arena *arena;
    struct objects_page *page;
    struct objects_entry *entries;
    struct buf path;   /* of the present directory, relative to the root */
    struct buf key;    /* what its keys begin with */
    struct buf cursor; /* only keys behind it are wanted */
    bool is_done;
};

static int compare_text(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return compare_text((struct str){x->text, x->len}, (struct str){y->text, y->len});
}

/* --- one directory's names --- */

static void cut_batch(struct batch *batch)
{
    if (batch->count > 1)
        qsort(batch->names, batch->count, sizeof(*batch->names), compare_names);
    for (; batch->count > batch->max; batch->is_cut = true)
        mem_free(batch->names[--batch->count].text);
}

static void batch_deinit(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        mem_free(batch->names[i].text);
    mem_free(batch->names);
}

static enum objects_problem batch_add(struct batch *batch, struct str text, bool is_directory, struct error *error)
{
    if (batch->count >= 2 * batch->max)
        cut_batch(batch);
    char *copy = mem_strdup(text);
    if (!copy || !mem_grow((void **)&batch->names, batch->count, &batch->cap, sizeof(*batch->names))) {
        mem_free(copy);
        return objects_no_memory(error);
    }
    batch->names[batch->count++] = (struct name){copy, text.len, is_directory};
    return OBJECTS_OK;
}

static bool begins_either_way(struct str a, struct str b)
{
    return str_starts(a, b) || str_starts(b, a);
}

/* May anything of this name still be listed? */
static bool is_wanted(struct walk *walk, struct str component, bool is_directory)
{
    char room[2 * KEY_ROOM];
    struct str key = {room, walk->key.len + component.len}, cursor = buf_str(&walk->cursor);
    if (key.len > OBJECTS_KEY_MAX)
        return false;
    if (walk->key.len > 0)
        memcpy(room, walk->key.data, walk->key.len);
    memcpy(room + walk->key.len, component.data, component.len);
    if (!is_directory)
        return str_starts(key, walk->options->prefix) && compare_text(key, cursor) > 0;
    if (!begins_either_way(key, walk->options->prefix))
        return false;
    if (str_starts(cursor, key))
        return cursor.len == key.len || cursor.data[key.len] != BEHIND;
    return compare_text(key, cursor) > 0;
}

static bool is_directory_entry(int fd, const struct dirent *entry, bool *is_file)
{
    struct stat info;
    *is_file = entry->d_type == DT_REG;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    if (fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *is_file = S_ISREG(info.st_mode);
    return S_ISDIR(info.st_mode);
}

/* Where we are inside a component that is spread over several directories. */
struct pieces {
    struct buf component; /* decoded so far */
    struct buf names;     /* as on the disk, with slashes */
};

/* `fd` may be -1: errno. It is closed. */
static enum objects_problem read_directory(struct walk *walk, int fd, struct pieces *pieces, struct batch *batch,
                                           struct error *error);

/* Is the name what the encoder would have written? Two files must not stand for one key. */
static bool is_canonical(struct pieces *pieces, struct str name, enum object_name_kind kind)
{
    struct buf again;
    size_t names_len = pieces->names.len;
    buf_init(&again, OBJECT_PATH_MAX);
    buf_append_str(&pieces->names, kind == OBJECT_NAME_ASIDE ? str_slice(name, 0, name.len - 1) : name);
    bool is_same = object_component_append(&again, buf_str(&pieces->component)) &&
                   str_eq(buf_str(&again), buf_str(&pieces->names));
    pieces->names.len = names_len;
    buf_deinit(&again);
    return is_same;
}

static enum objects_problem take_entry(struct walk *walk, int fd, const struct dirent *entry, struct pieces *pieces,
                                       struct batch *batch, struct error *error)
{
    struct str name = str_of(entry->d_name);
    size_t component_len = pieces->component.len, names_len = pieces->names.len;
    bool is_file, is_directory = is_directory_entry(fd, entry, &is_file);
    enum object_name_kind kind = object_name_decode(name, &pieces->component);
    enum objects_problem problem = OBJECTS_OK;
    if (kind == OBJECT_NAME_PIECE && is_directory) {
        buf_append_str(&pieces->names, name);
        buf_append_char(&pieces->names, '/');
        if (!pieces->names.failed)
            problem = read_directory(walk, openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                                     pieces, batch, error);
    } else if ((kind == OBJECT_NAME_PLAIN && (is_file || is_directory)) || (kind == OBJECT_NAME_ASIDE && is_file)) {
        bool is_ours = is_canonical(pieces, name, kind) && str_is_utf8(buf_str(&pieces->component));
        if (is_directory)
            buf_append_char(&pieces->component, '/');
        if (is_ours && is_wanted(walk, buf_str(&pieces->component), is_directory))
            problem = batch_add(batch, buf_str(&pieces->component), is_directory, error);
    }
    pieces->component.len = component_len;
    pieces->names.len = names_len;
    pieces->component.failed = pieces->names.failed = false; /* longer than any key: not an object */
    return problem;
}

static enum objects_problem read_directory(struct walk *walk, int fd, struct pieces *pieces, struct batch *batch,
                                           struct error *error)
{
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened) {
        int os_errno = errno;
        if (fd >= 0)
            close(fd);
        if (os_errno == ENOENT || os_errno == ENOTDIR)
            return OBJECTS_OK;
        return objects_fail_errno(error, os_errno, "cannot list objects");
    }
    enum objects_problem problem = OBJECTS_OK;
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            problem = take_entry(walk, fd, entry, pieces, batch, error);
    (void)closedir(opened);
    return problem;
}

static enum objects_problem fill_batch(struct walk *walk, struct batch *batch, struct error *error)
{
    struct pieces pieces;
    size_t left = walk->options->max - walk->page->count + 1;
    batch->max = left > BATCH_MIN ? left : BATCH_MIN;
    buf_init(&pieces.component, KEY_ROOM);
    buf_init(&pieces.names, OBJECT_PATH_MAX);
    enum objects_problem problem = read_directory(walk, object_directory_open(walk->dir->root, walk->path.data),
                                                  &pieces, batch, error);
    cut_batch(batch);
    buf_deinit(&pieces.component);
    buf_deinit(&pieces.names);
    return problem;
}

/* --- entries of the page --- */

static bool set_cursor(struct walk *walk, struct str key, bool skips_all)
{
    buf_clear(&walk->cursor);
    buf_append_str(&walk->cursor, key);
    if (skips_all)
        buf_append_char(&walk->cursor, BEHIND);
    return !walk->cursor.failed;
}

/* The cursor stands behind the last entry of the page. */
static enum objects_problem end_page(struct walk *walk, struct error *error)
{
    walk->is_done = true;
    walk->page->is_truncated = true;
    return arena_str(walk->arena, buf_str(&walk->cursor), &walk->page->next) ? OBJECTS_OK : objects_no_memory(error);
}

static enum objects_problem describe(struct walk *walk, struct objects_entry *entry, struct error *error)
{
    int fd;
    struct object_description found;
    enum objects_problem problem = object_open(walk->dir, walk->bucket, entry->key, &fd, &found, NULL, error);
    if (problem != OBJECTS_OK)
        return problem;
    close(fd);
    entry->size = found.info.size;
    entry->modified_us = found.info.modified_us;
    return arena_str(walk->arena, str_of(found.info.etag), &entry->etag) &&
                   arena_str(walk->arena, str_of(found.info.storage_class), &entry->storage_class)
               ? OBJECTS_OK
               : objects_no_memory(error);
}

static enum objects_problem list_key(struct walk *walk, struct str key, struct error *error)
{
    struct str prefix = walk->options->prefix, delimiter = walk->options->delimiter;
    ptrdiff_t found = delimiter.len > 0 ? str_find(key, delimiter, prefix.len) : -1;
    struct objects_entry entry = {.is_prefix = found >= 0};
    if (walk->page->count == walk->options->max)
        return end_page(walk, error);
    if (!arena_str(walk->arena, found >= 0 ? str_slice(key, 0, (size_t)found + delimiter.len) : key, &entry.key))
        return objects_no_memory(error);
    enum objects_problem problem = entry.is_prefix ? OBJECTS_OK : describe(walk, &entry, error);
    if (problem == OBJECTS_OK)
        walk->entries[walk->page->count++] = entry;
    else if (problem != OBJECTS_NO_KEY) /* deleted meanwhile */
        return problem;
    return set_cursor(walk, entry.key, entry.is_prefix) ? OBJECTS_OK : objects_no_memory(error);
}

/* --- the walk --- */

static enum objects_problem walk_directory(struct walk *walk, struct error *error);

static enum objects_problem enter(struct walk *walk, const struct name *name, struct error *error)
{
    size_t path_len = walk->path.len, key_len = walk->key.len;
    buf_append_char(&walk->path, '/');
    object_component_append(&walk->path, (struct str){name->text, name->len - 1});
    buf_append_char(&walk->path, '\0');
    buf_append(&walk->key, name->text, name->len);
    enum objects_problem problem =
        walk->path.failed || walk->key.failed ? objects_no_memory(error) : OBJECTS_OK;
    if (problem == OBJECTS_OK) {
        walk->path.len--;
        problem = walk_directory(walk, error);
    }
    walk->path.len = path_len;
    walk->path.data[path_len] = '\0';
    walk->key.len = key_len;
    return problem;
}

static enum objects_problem take_name(struct walk *walk, const struct name *name, struct error *error)
{
    struct str component = {name->text, name->len};
    if (!is_wanted(walk, component, name->is_directory))
        return OBJECTS_OK;
    if (name->is_directory)
        return enter(walk, name, error);
    char key[KEY_ROOM];
    if (walk->key.len > 0)
        memcpy(key, walk->key.data, walk->key.len);
    memcpy(key + walk->key.len, name->text, name->len);
    return list_key(walk, (struct str){key, walk->key.len + name->len}, error);
}

/* After a batch of directories without a single object the cursor would stand where it was: it goes behind them. */
static bool pass(struct walk *walk, const struct name *last)
{
    char room[2 * KEY_ROOM];
    struct str key = {room, walk->key.len + last->len};
    if (walk->key.len > 0)
        memcpy(room, walk->key.data, walk->key.len);
    memcpy(room + walk->key.len, last->text, last->len);
    bool is_behind = compare_text(buf_str(&walk->cursor), key) > 0;
    if (is_behind && !(last->is_directory && str_starts(buf_str(&walk->cursor), key)))
        return true;
    return set_cursor(walk, key, last->is_directory);
}

/* A common prefix has been listed that all keys of this directory have. */
static bool is_skipped(const struct walk *walk)
{
    return walk->key.len > 0 && walk->cursor.len > walk->key.len &&
           str_starts(buf_str(&walk->cursor), buf_str(&walk->key)) && walk->cursor.data[walk->key.len] == BEHIND;
}

static enum objects_problem walk_directory(struct walk *walk, struct error *error)
{
    enum objects_problem problem = OBJECTS_OK;
    for (bool has_more = true; has_more && problem == OBJECTS_OK && !walk->is_done && !is_skipped(walk);) {
        struct batch batch = {0};
        problem = fill_batch(walk, &batch, error);
        for (size_t i = 0; i < batch.count && problem == OBJECTS_OK && !walk->is_done; i++)
            problem = take_name(walk, &batch.names[i], error);
        has_more = batch.is_cut;
        if (has_more && problem == OBJECTS_OK && !walk->is_done && !pass(walk, &batch.names[batch.count - 1]))
            problem = objects_no_memory(error);
        batch_deinit(&batch);
    }
    return problem;
}

/* Keys of a prefix with slashes are all in one directory: the walk begins there. */
static bool begin_walk(struct walk *walk)
{
    struct str prefix = walk->options->prefix;
    size_t slash = prefix.len;
    while (slash > 0 && prefix.data[slash - 1] != '/')
        slash--;
    if (slash == 0) {
        buf_append_str(&walk->path, walk->bucket);
        buf_append_char(&walk->path, '\0');
        walk->path.len -= !walk->path.failed;
    } else {
        object_path_append(&walk->path, walk->bucket, str_slice(prefix, 0, slash - 1));
        buf_append_str(&walk->key, str_slice(prefix, 0, slash));
    }
    /* What is longer than any key orders like its beginning. */
    return !walk->path.failed && !walk->key.failed &&
           set_cursor(walk, str_slice(walk->options->after, 0, OBJECTS_KEY_MAX + 1), false);
}

enum objects_problem objects_dir_list(struct objects *objects, struct str tenant, struct str bucket,
                                      const struct objects_list_options *options, struct arena *arena,
                                      struct objects_page *page, struct error *error)
{
    struct bucket_record record;
    enum objects_problem problem = bucket_find(objects_dir_of(objects), tenant, bucket, &record, error);
    struct objects_list_options bounded = *options;
    if (problem != OBJECTS_OK || options->max == 0 || options->prefix.len > OBJECTS_KEY_MAX)
        return problem;
    if (bounded.max > OBJECTS_PAGE_MAX)
        bounded.max = OBJECTS_PAGE_MAX;
    struct walk walk = {
        .dir = objects_dir_of(objects), .options = &bounded, .bucket = bucket, .arena = arena, .page = page};
    walk.entries = arena_array(arena, bounded.max, sizeof(*walk.entries));
    buf_init(&walk.path, OBJECT_PATH_MAX);
    buf_init(&walk.key, KEY_ROOM);
    buf_init(&walk.cursor, 2 * KEY_ROOM);
    problem = walk.entries && begin_walk(&walk) ? walk_directory(&walk, error) : objects_no_memory(error);
    if (problem == OBJECTS_OK)
        problem = bucket_is_still(walk.dir, bucket, record.generation, error);
    page->entries = walk.entries;
    buf_deinit(&walk.path);
    buf_deinit(&walk.key);
    buf_deinit(&walk.cursor);
    return problem;
}
