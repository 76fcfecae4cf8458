/* download.h - a file as the body of a reply: read in windows on libuv's pool, no faster than the client takes it. */
#ifndef API_DOWNLOAD_H
#define API_DOWNLOAD_H

#include "api/call.h"

/* Answers the call with the bytes of an open file, which is closed in any case. On the call's I/O thread. */
void download_start(struct api_call *call, int fd, uint64_t bytes, const char *content_type);

#endif
