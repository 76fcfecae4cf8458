/* secret.c - random IDs and tokens, and HMAC for what follows from them. See secret.h. */
#include "keys/secret.h"

#include <openssl/hmac.h>

#define ID_PREFIX "FK"
#define ID_RANDOM_LEN (KEY_ID_LEN - (sizeof(ID_PREFIX) - 1))
#define TOKEN_RANDOM_LEN (KEY_TOKEN_LEN - (sizeof(KEY_TOKEN_PREFIX) - 1))

void key_make(struct key_secret *secret)
{
    uint8_t digest[SHA256_LEN];
    memcpy(secret->id, ID_PREFIX, sizeof(ID_PREFIX));
    random_id(secret->id + sizeof(ID_PREFIX) - 1, ID_RANDOM_LEN);
    for (char *c = secret->id; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    memcpy(secret->token, KEY_TOKEN_PREFIX, sizeof(KEY_TOKEN_PREFIX));
    random_id(secret->token + sizeof(KEY_TOKEN_PREFIX) - 1, TOKEN_RANDOM_LEN);
    memcpy(secret->hint, secret->token + KEY_TOKEN_LEN - KEY_HINT_LEN, KEY_HINT_LEN + 1);
    sha256(str_of(secret->token), digest);
    hex_encode(digest, sizeof(digest), secret->hash);
}

bool key_is_id(struct str text)
{
    if (text.len != KEY_ID_LEN || !str_starts(text, STR(ID_PREFIX)))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= 'A' && text.data[i] <= 'Z') || (text.data[i] >= '0' && text.data[i] <= '9')))
            return false;
    return true;
}

void key_access_secret(const uint8_t master[KEY_MASTER_LEN], struct str id, char out[KEY_ACCESS_SECRET_LEN + 1])
{
    uint8_t digest[SHA256_LEN] = {0};
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), master, KEY_MASTER_LEN, (const unsigned char *)id.data, id.len, digest, &len);
    hex_encode(digest, KEY_ACCESS_SECRET_LEN / 2, out);
}
