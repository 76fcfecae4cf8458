/* Tags of an object that is there. They are a part of its description, which is written anew and takes the old one's
 * place, as long as the name still gives the same file. Bytes, time and ETag stay as they are. */
#include <assert.h>
#include <unistd.h>

#include "store/objects_dir.h"

#define TRIES 10

/* What the key names now, in a bucket of the tenant. */
static enum objects_problem look(struct objects_dir *dir, struct str tenant, struct str bucket, struct str key,
                                 struct stat *file, struct error *error)
{
    struct bucket_record record;
    struct object_place place;
    bool is_there = false;
    enum objects_problem problem = bucket_find(dir, tenant, bucket, &record, error);
    if (problem != OBJECTS_OK)
        return problem;
    bool is_open = object_place_open(&place, dir->root, bucket, key);
    is_there = is_open && object_place_find(&place, file, &is_there) && is_there;
    object_place_close(&place);
    return is_there ? OBJECTS_OK : objects_no_key(error, key);
}

/* *is_done: not so when another file has the name meanwhile. */
static enum objects_problem set_tags(struct objects_dir *dir, struct str tenant, struct str bucket, struct str key,
                                     struct str tags, bool *is_done, struct error *error)
{
    char tmp[64] = "";
    struct stat file, now;
    struct error ignored;
    pthread_mutex_lock(&dir->mutex);
    enum objects_problem problem = look(dir, tenant, bucket, key, &file, error);
    pthread_mutex_unlock(&dir->mutex);
    *is_done = problem != OBJECTS_OK;
    if (problem != OBJECTS_OK)
        return problem;
    problem = object_meta_write_tags(dir, bucket, &file, tags, tmp, error);
    pthread_mutex_lock(&dir->mutex);
    *is_done = look(dir, tenant, bucket, key, &now, &ignored) == OBJECTS_OK && now.st_ino == file.st_ino &&
               object_stamp(&now) == object_stamp(&file);
    bool is_ready = *is_done && problem == OBJECTS_OK;
    if (is_ready)
        problem = object_meta_replace(dir, bucket, object_stamp(&file), tmp, error);
    pthread_mutex_unlock(&dir->mutex);
    if (tmp[0] && !(is_ready && problem == OBJECTS_OK))
        (void)unlinkat(dir->root, tmp, 0);
    return *is_done ? problem : OBJECTS_OK;
}

enum objects_problem objects_set_tags(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                      struct str tags, struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    bool is_done = false;
    assert(!objects->is_remote && tags.len <= OBJECTS_TAGS_MAX);
    enum objects_problem problem = objects_check_bucket(bucket, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    for (int i = 0; i < TRIES && problem == OBJECTS_OK && !is_done; i++)
        problem = set_tags(dir, tenant, bucket, key, tags, &is_done, error);
    if (problem == OBJECTS_OK && !is_done)
        return objects_fail(error, OBJECTS_UNAVAILABLE, "the object changes too fast, try again");
    if (problem == OBJECTS_OK)
        object_meta_sync(dir, bucket);
    return problem;
}
