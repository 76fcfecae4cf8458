/* secret.h - the secrets of virtual keys. A token is random, and kept as its SHA-256 alone. The secret that goes with
 * the ID as an access key pair follows from the ID and a secret of the installation, so that signatures can be checked
 * and nothing is kept of it either. Pure functions but key_make; any thread. */
#ifndef KEYS_SECRET_H
#define KEYS_SECRET_H

#include "core/str.h"
#include "core/util.h"

#define KEY_TOKEN_PREFIX "sk-fulcrum-"
#define KEY_TOKEN_LEN (sizeof(KEY_TOKEN_PREFIX) - 1 + 40)
#define KEY_ID_LEN 20
#define KEY_HASH_LEN (2 * SHA256_LEN) /* hex digits */
#define KEY_ACCESS_SECRET_LEN 40
#define KEY_MASTER_LEN 32 /* bytes of the installation's secret */
#define KEY_HINT_LEN 4    /* the token's last characters, by which people know it again */

struct key_secret {
    char id[KEY_ID_LEN + 1];
    char token[KEY_TOKEN_LEN + 1];
    char hash[KEY_HASH_LEN + 1];
    char hint[KEY_HINT_LEN + 1];
};
void key_make(struct key_secret *secret);

bool key_is_id(struct str text);

/* The secret access key of an ID. */
void key_access_secret(const uint8_t master[KEY_MASTER_LEN], struct str id, char out[KEY_ACCESS_SECRET_LEN + 1]);

#endif
