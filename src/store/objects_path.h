/* objects_path.h - where an object lies: from keys to file names and back.
 * Pure functions, any thread. Private to the store room.
 *
 * KEY of BUCKET is the file ROOT/BUCKET/KEY, so that ordinary keys can be
 * browsed. Keys are any UTF-8, file names are not, hence between two slashes:
 *
 *   byte below 0x20, 0x7f, '%'   %XX, upper-case hex
 *   "." and ".."                 "%2E" and "%2E%2E"
 *   nothing                      "%"       ("a/" is a/%, "a//b" is a/%/b)
 *   over OBJECT_PIECE_MAX bytes  pieces of that, each but the last a directory whose name ends in "%+"
 *
 * Where a file has to be and a directory is already, because "a" and "a/b" are
 * both keys, the file steps aside: "a%". It does so when the second of the two
 * is written and stays there. What no key is encoded to (a foreign file with a
 * '%' in its name) is no object. */
#ifndef STORE_OBJECTS_PATH_H
#define STORE_OBJECTS_PATH_H

#include "core/buf.h"
#include "store/objects.h"

#define OBJECT_PIECE_MAX 240    /* with "%+" and "%" below the 255 of file systems */
#define OBJECT_PATH_MAX 4000    /* of the longest key, bucket included, with its NUL */
#define OBJECT_ASIDE "%"

/* Appends BUCKET/KEY encoded and a NUL (not counted in len). */
bool object_path_append(struct buf *path, struct str bucket, struct str key);

/* What stands between two slashes of a key; may be several names. */
bool object_component_append(struct buf *path, struct str component);

enum object_name_kind {
    OBJECT_NAME_FOREIGN,
    OBJECT_NAME_PLAIN,
    OBJECT_NAME_ASIDE,   /* a file's only */
    OBJECT_NAME_PIECE,   /* a directory's only: the component goes on inside */
};

/* Decodes one file name; appends what it stands for between two slashes. Only
 * names that object_component_append would give are an object's: compare. */
enum object_name_kind object_name_decode(struct str name, struct buf *component);

#endif
