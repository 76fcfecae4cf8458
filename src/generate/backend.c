/* backend.c - what backends have in common; see backend.h. */
#include "generate/backend.h"

bool backend_error_passes(const struct error *error)
{
    switch (error->code) {
    case ERROR_THROTTLED:
    case ERROR_NOT_READY:
    case ERROR_TIMEOUT:
    case ERROR_MODEL:
    case ERROR_UNAVAILABLE:
    case ERROR_IO:
    case ERROR_INTERNAL: return true;
    default: return false;
    }
}
