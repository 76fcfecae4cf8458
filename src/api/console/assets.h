/* assets.h - the console's files, as src/api/console/embed puts them into the program. Read-only, any thread. */
#ifndef API_CONSOLE_ASSETS_H
#define API_CONSOLE_ASSETS_H

#include <stdint.h>

struct console_form {
    const char *data;
    uint64_t len;
};

enum console_coding { CODING_PLAIN, CODING_GZIP, CODING_BROTLI, CODINGS };

struct console_asset {
    const char *name; /* "index.html", "lib/api.js" */
    const char *tag;  /* of its content: 32 hex digits */
    struct console_form forms[CODINGS];
};

extern const struct console_asset console_assets[];
extern const uint64_t console_asset_count;

#endif
