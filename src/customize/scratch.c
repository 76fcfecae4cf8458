/* scratch.c - the shapes of the embedded pair, under names of their own. See scratch.h. */
#include "customize/scratch.h"

#define ARN_PART ":foundation-model/"

const struct scratch scratches[SCRATCH_KINDS] = {
    {"fulcrum.scratch-small", "Scratch small", 3, 96, 3, 3, 256, "desk-small", 0.5},
    {"fulcrum.scratch-large", "Scratch large", 6, 192, 6, 3, 384, "desk-large", 0.35},
};

const struct scratch *scratch_find(struct str identifier)
{
    const ptrdiff_t part = str_starts(identifier, STR("arn:")) ? str_find(identifier, STR(ARN_PART), 0) : -1;
    if (part >= 0)
        identifier = str_slice(identifier, (size_t)part + sizeof(ARN_PART) - 1, identifier.len);
    for (size_t i = 0; i < SCRATCH_KINDS; i++)
        if (str_eq(identifier, str_of(scratches[i].id)))
            return &scratches[i];
    return NULL;
}
