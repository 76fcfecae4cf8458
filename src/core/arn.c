/* Names of resources. See arn.h. */
#include "core/arn.h"

bool arn_split(struct str text, struct arn *arn)
{
    struct str part[5];
    for (size_t i = 0; i < 5; i++)
        if (!str_split(&text, ':', &part[i]) || !text.data)
            return false;
    if (!str_eq(part[0], STR("arn")) || !str_starts(part[1], STR("aws")) || !str_eq(part[2], STR("bedrock")) ||
        !str_split(&text, '/', &arn->type) || !text.data || text.len == 0)
        return false;
    arn->region = part[3];
    arn->account = part[4];
    arn->id = text;
    return true;
}
