/* ring.h - the virtual keys in memory: whose a credential is, what it may ask, and how often.
 *
 * A ring is made whole from the store's rows and takes the place of the last one; what keys have used of their minute
 * goes over (meter.h). One mutex, held for some hundred nanoseconds: any thread. */
#ifndef KEYS_RING_H
#define KEYS_RING_H

#include "auth/tenant.h"
#include "core/mem.h"
#include "keys/store.h"

struct ring;
enum error_code ring_new(const uint8_t master[KEY_MASTER_LEN], struct ring **ring, struct error *error) WARN_UNUSED;
void ring_free(struct ring *ring); /* NULL is legal */

/* One thread at a time. On an error the keys are as they were. */
enum error_code ring_load(struct ring *ring, const struct key_row *rows, size_t count,
                          struct error *error) WARN_UNUSED;

/* For struct auth_keys. */
enum auth_key_state ring_by_token(void *ring, struct str token, uint64_t now_us, struct auth_key *key);
enum auth_key_state ring_by_id(void *ring, struct str id, uint64_t now_us, struct auth_key *key);

/* A name that the request goes by: the model ID as it was sent, the name of what answers to it, the router's. */
#define RING_NAMES_MAX 4

/* ERROR_DENIED: none of the names is among the key's models; or the key was revoked, or has expired, since it was let
 * in. */
enum error_code ring_may_ask(struct ring *ring, struct str id, const struct str *names, size_t count,
                             struct error *error) WARN_UNUSED;

/* ERROR_THROTTLED, with the seconds after which the minute holds something again. `tokens`: of the prompt, about. */
enum error_code ring_take(struct ring *ring, struct str id, uint64_t tokens, uint64_t now_us,
                          struct error *error) WARN_UNUSED;
/* Ended: `taken` were taken, `used` were used. */
void ring_give(struct ring *ring, struct str id, uint64_t taken, uint64_t used, uint64_t now_us);

/* The tags of a key: a JSON object of strings, in the arena; "" where it has none, or there is no such key. */
enum error_code ring_tags(struct ring *ring, struct str id, struct arena *arena, struct str *tags,
                          struct error *error) WARN_UNUSED;

#endif
