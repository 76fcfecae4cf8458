/* fenced.h - working files of a job that are named by the fence of the claim
 * under which they are written: DIR/NAME.FENCE.
 *
 * A runner whose lease was lost may not know it yet, and go on writing. So who
 * claims a job never writes into a file of another claim, and what a file of a
 * lower fence gets after that counts for nothing. Who has such a file open holds
 * its lock (flock), which ends with the process: where the lock is free, its
 * owner is gone and the file is only renamed; else it is copied as it is now.
 * A file without a number is one of fence 0, of programs that had no numbers.
 * One thread per file. */
#ifndef BATCH_FENCED_H
#define BATCH_FENCED_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Puts "DIR/NAME.FENCE" into path. ERROR_INVALID: it is longer than `size`. */
enum error_code fenced_path(const char *dir, const char *name, uint64_t fence, char *path, size_t size,
                            struct error *error) WARN_UNUSED;

/* Opens it to be read and appended to, with what the newest of lower fences
 * holds; made empty where there is none. ERROR_CONFLICT: there is one of a
 * higher fence, so the claim is lost. Other errors as file_open. */
enum error_code fenced_take(const char *dir, const char *name, uint64_t fence, int *fd,
                            struct error *error) WARN_UNUSED;

/* Files and directories of lower fences go. What stays goes with the job's directory. */
void fenced_sweep(const char *dir, const char *name, uint64_t fence);

#endif
