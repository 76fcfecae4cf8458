/* data_dir.h - the data directory, of which one server at a time is the holder. */
#ifndef CMD_DATA_DIR_H
#define CMD_DATA_DIR_H

#include <stdbool.h>

#include "core/error.h"

/* Makes the directory, and those above it, where they are missing. */
enum error_code data_dir_make(const char *path, struct error *error) WARN_UNUSED;

/* Makes it and takes an flock on its file `lock`, which goes with the process. ERROR_CONFLICT: another server has
 * it. */
enum error_code data_dir_lock(const char *path, int *fd, struct error *error) WARN_UNUSED;

/* The server that holds the directory, as its lock file says. */
struct data_dir_holder {
    bool is_held;
    long pid;          /* 0: unknown */
    bool takes_hangup; /* SIGHUP makes it look for changed models; one of an older version would end */
};
struct data_dir_holder data_dir_find_holder(const char *path);

#endif
