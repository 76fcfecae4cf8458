/* guard.cpp - see guard.h. */
#include "engine/guard.h"

#include <cstdio>
#include <exception>

extern "C" int guard_call(void (*fn)(void *), void *arg, char *message, size_t cap)
{
    try {
        fn(arg);
        return 0;
    } catch (const std::exception &e) {
        std::snprintf(message, cap, "%s", e.what());
    } catch (...) {
        std::snprintf(message, cap, "unknown exception");
    }
    return 1;
}
