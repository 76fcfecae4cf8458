/* sts.h - the token service's one operation, with a dialect of its own: XML. */
#ifndef API_CONTROL_STS_H
#define API_CONTROL_STS_H

#include "api/operations.h"

extern const struct operations_table sts_operations;

#endif
