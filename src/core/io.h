/* io.h - reads and writes that are whole or fail. Any thread. */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: errno says why; ENOSPC where the file takes no more without saying so. */
bool io_write_all(int fd, const void *data, size_t len);

/* False: errno says why; 0 where the file ends before. */
bool io_read_at(int fd, void *data, size_t len, uint64_t offset);

#endif
