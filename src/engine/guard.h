/* guard.h - keeps C++ exceptions of llama.cpp out of C.
 *
 * An exception that reaches a C caller ends the process. llama.cpp throws on
 * grammar errors, on tokens a grammar does not allow, and on broken vocabularies.
 * Code between guard_call and the throw must be compiled with -fexceptions and
 * hold nothing that needs releasing. Any thread. */
#ifndef ENGINE_GUARD_H
#define ENGINE_GUARD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs fn(arg). 0: it returned; 1: it threw, and message says what. */
int guard_call(void (*fn)(void *), void *arg, char *message, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
