/* objects_place.c - opens directories one below the other, without following links. Reads no object. See
 * objects_place.h. */
#include "store/objects_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_file(int at, const char *name, struct stat *info)
{
    return fstatat(at, name, info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info->st_mode);
}

static bool step_aside(char aside[OBJECT_NAME_MAX], const char *name)
{
    return snprintf(aside, OBJECT_NAME_MAX, "%s%s", name, OBJECT_ASIDE) < OBJECT_NAME_MAX;
}

/* --- directories --- */

static bool make_directory(int at, const char *name)
{
    struct stat info;
    char aside[OBJECT_NAME_MAX];
    if (mkdirat(at, name, 0700) != 0) {
        if (errno != EEXIST || !is_file(at, name, &info))
            return errno == EEXIST;
        if (!step_aside(aside, name) || renameat(at, name, at, aside) != 0 || mkdirat(at, name, 0700) != 0)
            return false;
    }
    (void)fsync(at);
    return true;
}

/* Goes from *fd, which is closed, one directory down. */
static bool enter(int *fd, const char *name, bool makes)
{
    int at = *fd;
    bool is_there = !makes || make_directory(at, name);
    *fd = is_there ? openat(at, name, DIRECTORY_FLAGS) : -1;
    int os_errno = errno;
    close(at);
    errno = os_errno;
    return *fd >= 0;
}

/* Opens the directory that `path` names. Below the first, the bucket's own, missing ones may be made. -1: errno. */
static int walk(int root, const char *path, bool makes)
{
    char name[OBJECT_NAME_MAX];
    struct str rest = str_of(path), part;
    bool is_first = true;
    int fd = openat(root, ".", DIRECTORY_FLAGS);
    while (fd >= 0 && str_split(&rest, '/', &part)) {
        if (part.len >= sizeof(name)) {
            close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        (void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(part));
        (void)enter(&fd, name, makes && !is_first);
        is_first = false;
    }
    return fd;
}

int object_directory_open(int root, const char *path)
{
    return walk(root, path, false);
}

static bool split_path(struct object_place *place, struct str bucket, struct str key)
{
    struct buf path;
    buf_init(&path, sizeof(place->path) - 1);
    bool fits = object_path_append(&path, bucket, key);
    if (fits) {
        memcpy(place->path, path.data, path.len + 1);
        char *slash = strrchr(place->path, '/');
        *slash = '\0';
        (void)snprintf(place->name, sizeof(place->name), "%s", slash + 1);
    }
    buf_deinit(&path);
    errno = ENOMEM;
    return fits;
}

bool object_place_open(struct object_place *place, int root, struct str bucket, struct str key)
{
    place->parent = split_path(place, bucket, key) ? walk(root, place->path, false) : -1;
    return place->parent >= 0;
}

bool object_place_make(struct object_place *place, int root, struct str bucket, struct str key)
{
    place->parent = split_path(place, bucket, key) ? walk(root, place->path, true) : -1;
    return place->parent >= 0;
}

void object_place_close(struct object_place *place)
{
    if (place->parent >= 0)
        close(place->parent);
    place->parent = -1;
}

void object_place_prune(struct object_place *place)
{
    for (char *slash; (slash = strrchr(place->path, '/')); *slash = '\0') {
        int above = openat(place->parent, "..", DIRECTORY_FLAGS);
        if (above < 0)
            return;
        if (unlinkat(above, slash + 1, AT_REMOVEDIR) != 0) {
            close(above);
            return;
        }
        close(place->parent);
        place->parent = above;
    }
}

/* --- the file --- */

bool object_place_find(struct object_place *place, struct stat *info, bool *is_there)
{
    char aside[OBJECT_NAME_MAX];
    if (!step_aside(aside, place->name)) {
        errno = ENAMETOOLONG;
        return false;
    }
    *is_there = is_file(place->parent, place->name, info);
    if (*is_there)
        return true;
    bool is_taken = fstatat(place->parent, place->name, info, AT_SYMLINK_NOFOLLOW) == 0;
    *is_there = is_file(place->parent, aside, info);
    if (*is_there || is_taken)
        memcpy(place->name, aside, sizeof(aside));
    return true;
}

static int open_regular(int at, const char *name, struct stat *info)
{
    int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, info) == 0 && S_ISREG(info->st_mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        errno = ENOENT;
    } else if (errno == ELOOP) {
        errno = ENOTDIR;
    }
    return -1;
}

int object_place_read(const struct object_place *place, struct stat *info)
{
    char aside[OBJECT_NAME_MAX];
    int fd = open_regular(place->parent, place->name, info);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && step_aside(aside, place->name))
        fd = open_regular(place->parent, aside, info);
    return fd;
}
