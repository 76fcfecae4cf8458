/* machine.h - what the machine has left. Any thread. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include <stdint.h>

/* Bytes that processes may still take: of the machine, and no more than their group may have; 0: the system does not
 * say. */
uint64_t machine_memory_available(void);

#endif
