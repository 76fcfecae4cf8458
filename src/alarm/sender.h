/* sender.h - a thread that brings the actions of alarms to their web hooks, one after the other, from the store's
 * queue: what was queued when a server died is sent by the next one. A notice may so arrive twice; its Id tells. */
#ifndef ALARM_SENDER_H
#define ALARM_SENDER_H

#include "alarm/config.h"
#include "alarm/store.h"

struct sender;

enum error_code sender_open(struct alarm_store *store, const struct alarm_config *config, struct sender **sender,
                            struct error *error) WARN_UNUSED;
void sender_close(struct sender *sender); /* breaks off what it is at; NULL is legal */
void sender_wake(struct sender *sender);  /* there may be something to send; any thread */

#endif
