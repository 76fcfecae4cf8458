/* words.h - what an advice says in words: why a lever saves, and where it is to be pulled. */
#ifndef ADVISE_WORDS_H
#define ADVISE_WORDS_H

#include "advise/advice.h"

/* Fills name, why, where and assumes of all levers. */
void advice_write_words(struct advice *advice);

/* The group, cluster or template with most of a lever's dollars; UINT32_MAX: there is none. */
uint32_t advice_best_group(const struct advice *advice, enum plan_lever lever);
uint32_t advice_best_cluster(const struct advice *advice, enum plan_lever lever);

#endif
