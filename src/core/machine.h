/* machine.h - what the machine has left. Any thread. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that processes may still take: of the machine, and no more than their group may have; 0: the system does not
 * say. */
uint64_t machine_memory_available(void);

/* The sanitizers map terabytes that they never touch: no bound on the address space goes with them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

#endif
