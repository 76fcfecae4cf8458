/* keys_show.h - what `fulcrum keys` prints. */
#ifndef CMD_KEYS_SHOW_H
#define CMD_KEYS_SHOW_H

#include "cmd/cmd_io.h"
#include "keys/make.h"

struct keys_command {
    struct config config;
    struct arena arena;
    struct key_store *store;
    struct buf out;
    bool is_json, has_config;
};

/* A key that was just made, with its secrets. */
void keys_show_new(struct keys_command *command, const struct key_row *key, const struct key_secret *secret,
                   const uint8_t master[KEY_MASTER_LEN]);

/* All keys and budgets, or one tenant's (data not NULL). */
enum error_code keys_show_list(struct keys_command *command, struct str tenant, struct error *error) WARN_UNUSED;

/* Those of one subject. */
enum error_code keys_show_budgets(struct keys_command *command, const struct subject *subject,
                                  struct error *error) WARN_UNUSED;

#endif
