/* objects_place.h - the way from the root to an object's file.
 *
 * Each directory is opened from the one above it, and a symbolic link on the
 * way is none: whoever may write into a bucket's directory must not lead a
 * tenant out of it. Names of files are objects_path.h's. Where names change
 * (make, find before a rename, prune) the store's mutex is held.
 *
 * Functions that give a bool leave errno: ENOENT and ENOTDIR (a link is one)
 * mean that there is no such object. Private to the store room. */
#ifndef STORE_OBJECTS_PLACE_H
#define STORE_OBJECTS_PLACE_H

#include <sys/stat.h>

#include "store/objects_path.h"

#define OBJECT_NAME_MAX 256

struct object_place {
    int parent;                 /* the directory that holds the file; -1: closed */
    char path[OBJECT_PATH_MAX]; /* of that directory, from the root */
    char name[OBJECT_NAME_MAX]; /* in it; find puts the name aside here where that is the file's */
};

/* Opens the directories of a key. */
bool object_place_open(struct object_place *place, int root, struct str bucket, struct str key);
/* The same, but makes what is missing below the bucket's own. A file in the way of a directory steps aside. A new
 * directory is synced at once: whoever puts an object into it relies on it. */
bool object_place_make(struct object_place *place, int root, struct str bucket, struct str key);
void object_place_close(struct object_place *place); /* of a closed one is legal */

/* Where the object is, or has to be. False: no such name can be made. */
bool object_place_find(struct object_place *place, struct stat *info, bool *is_there);
/* Opens the file to read, and looks at it. -1: errno. */
int object_place_read(const struct object_place *place, struct stat *info);

/* Removes directories that are empty now, but for the bucket's own; `parent` is the lowest that is left. */
void object_place_prune(struct object_place *place);

/* Opens a directory by its path, in the same way. -1: errno. */
int object_directory_open(int root, const char *path);

#endif
