/* arn.h - names of resources as AWS writes them: arn:PARTITION:bedrock:REGION:ACCOUNT:TYPE/ID. Pure. */
#ifndef CORE_ARN_H
#define CORE_ARN_H

#include <stdbool.h>

#include "core/str.h"

/* Parts borrow from the text. */
struct arn {
    struct str region, account, type, id; /* the ID may hold more colons and slashes */
};

/* False: the text is not of that form, or of another service. */
bool arn_split(struct str text, struct arn *arn);

#endif
