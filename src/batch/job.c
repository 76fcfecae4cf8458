#include "batch/job.h"

const char *const batch_status_names[BATCH_STATUSES + 1] = {
    [BATCH_SUBMITTED] = "Submitted",     [BATCH_VALIDATING] = "Validating",
    [BATCH_SCHEDULED] = "Scheduled",     [BATCH_IN_PROGRESS] = "InProgress",
    [BATCH_STOPPING] = "Stopping",       [BATCH_COMPLETED] = "Completed",
    [BATCH_PARTIALLY_COMPLETED] = "PartiallyCompleted",
    [BATCH_FAILED] = "Failed",           [BATCH_EXPIRED] = "Expired",
    [BATCH_STOPPED] = "Stopped",
};

const char *const batch_type_names[BATCH_TYPES + 1] = {
    [BATCH_INVOKE_MODEL] = "InvokeModel",
    [BATCH_CONVERSE] = "Converse",
};

bool batch_status_parse(struct str name, enum batch_status *status)
{
    for (int i = 0; i < BATCH_STATUSES; i++) {
        if (!str_eq(name, str_of(batch_status_names[i])))
            continue;
        *status = (enum batch_status)i;
        return true;
    }
    return false;
}

bool batch_status_has_ended(enum batch_status status)
{
    return status >= BATCH_COMPLETED;
}

#define TO(status) (1u << (status))

bool batch_status_may_follow(enum batch_status from, enum batch_status to)
{
    static const unsigned next[BATCH_STATUSES] = {
        [BATCH_SUBMITTED] = TO(BATCH_VALIDATING) | TO(BATCH_STOPPING) | TO(BATCH_EXPIRED) | TO(BATCH_FAILED),
        [BATCH_VALIDATING] = TO(BATCH_SUBMITTED) | TO(BATCH_SCHEDULED) | TO(BATCH_STOPPING) | TO(BATCH_EXPIRED) |
                             TO(BATCH_FAILED),
        [BATCH_SCHEDULED] = TO(BATCH_IN_PROGRESS) | TO(BATCH_STOPPING) | TO(BATCH_EXPIRED) | TO(BATCH_FAILED),
        [BATCH_IN_PROGRESS] = TO(BATCH_SCHEDULED) | TO(BATCH_STOPPING) | TO(BATCH_COMPLETED) |
                              TO(BATCH_PARTIALLY_COMPLETED) | TO(BATCH_FAILED),
        [BATCH_STOPPING] = TO(BATCH_STOPPED) | TO(BATCH_FAILED),
    };
    return (next[from] & TO(to)) != 0;
}
