/* mem.h - all memory comes from here: counted heap and arenas.
 *
 * Heap functions return NULL when memory is out (an error in request paths,
 * fatal at start-up: mem_must_*). A fault hook makes tests fail the n-th
 * allocation: MEM_FAIL_AT=n fails it once, MEM_FAIL_EVERY=n every n-th, from
 * the MEM_FAIL_FROM-th on where that is set (behind the start, say).
 * Any thread; an arena belongs to one thread at a time. */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

void *mem_alloc(size_t size) __attribute__((malloc));
void *mem_calloc(size_t count, size_t size) __attribute__((malloc)); /* zeroed, overflow-checked */
void *mem_realloc(void *ptr, size_t size);                           /* ptr stays valid on NULL */
void mem_free(void *ptr);                                            /* NULL is legal */
char *mem_strdup(struct str s);                                      /* NUL-terminated copy */

void *mem_must_alloc(size_t size) __attribute__((malloc)); /* start-up only: exits on failure */
void *mem_must_calloc(size_t count, size_t size) __attribute__((malloc));

void mem_fail_at(uint64_t nth);    /* 0: off. Counts from this call on, all threads */
uint64_t mem_fail_count(void);     /* allocations seen since mem_fail_at */
/* For a process whose memory comes in waves: large pieces are the system's, and go back to it when they are freed
 * (else the allocator learns to keep them). At its start. */
void mem_keep_little(void);
void mem_give_back(void);          /* free memory of the heap to the system; slow */
size_t mem_heap_bytes(void);       /* live bytes handed out, 0 where not counted */

/* Grows array *items (count used, *cap allocated, each `size` bytes) to hold
 * one more; doubling, from 8. False on no memory, the array untouched. */
bool mem_grow(void **items, size_t count, size_t *cap, size_t size);

/* Arena: bump allocation, all freed at once. Chunks double from 2 KiB
 * to 64 KiB; larger requests get a chunk of their own. */
struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t bytes;               /* handed out so far */
    size_t max;                 /* limit on bytes; 0: none. Past it arena_alloc returns NULL */
};

void arena_init(struct arena *arena, size_t max);
void arena_deinit(struct arena *arena);
void arena_reset(struct arena *arena); /* frees everything but one chunk */
void *arena_alloc(struct arena *arena, size_t size);  /* zeroed, 16-byte aligned; NULL: no memory or over max */
char *arena_strdup(struct arena *arena, struct str s); /* NUL-terminated copy */
bool arena_str(struct arena *arena, struct str s, struct str *copy);
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* arena_printf gives data == NULL when memory is out. */

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))
void *arena_array(struct arena *arena, size_t count, size_t size);

#endif
