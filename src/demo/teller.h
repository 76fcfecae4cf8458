/* teller.h - puts texts together: phrases with slots ({order}) out of models/demo.json, and values for the slots.
 *
 * All of it is of the held-out side of the split that models/README.md describes: phrases by how the file was made,
 * values by their hash. The same seed tells the same. One thread for each teller. */
#ifndef DEMO_TELLER_H
#define DEMO_TELLER_H

#include "core/json.h"
#include "core/util.h"

#define TELLER_SLOTS 24

struct slots {
    struct {
        struct str name, value;
    } items[TELLER_SLOTS];
    size_t count;
};

/* Texts live in the arena. `failed` stays set: no memory, or the file lacks something; texts are empty from then on. */
struct teller {
    yyjson_val *file; /* models/demo.json; outlives the teller */
    struct rng rng;
    struct arena *arena;
    bool failed;
};

/* A list of the file by its name: "personas". */
yyjson_val *teller_list(struct teller *teller, const char *name);
/* One of a list of texts, or of an object's members' names. */
struct str teller_pick(struct teller *teller, yyjson_val *list);
bool teller_chance(struct teller *teller, double probability);

/* The pattern with its slots filled: from `slots`, and those that are missing there drawn and added to it. */
struct str teller_render(struct teller *teller, struct str pattern, struct slots *slots);
struct str teller_say(struct teller *teller, yyjson_val *list, struct slots *slots); /* one of a list, rendered */
struct str teller_say_alone(struct teller *teller, yyjson_val *list);               /* with slots of its own */
struct str teller_draw(struct teller *teller, struct str slot);                      /* a value for a slot */

/* Data NULL: there is none. */
struct str slots_get(const struct slots *slots, struct str name);
void slots_set(struct slots *slots, struct str name, struct str value);

#endif
