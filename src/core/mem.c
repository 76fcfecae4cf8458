/* mem.c - the only caller of malloc: counting, faults on demand, arenas. See mem.h. */
#include "core/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_FIRST_CHUNK ((size_t)2048)
#define ARENA_CHUNK_MAX ((size_t)65536)
#define ARENA_ALIGN ((size_t)16)

/* Fault hook. `fail_every` is for whole-program runs (MEM_FAIL_EVERY in the
 * environment), `fail_at` for loops in unit tests. Both zero in normal life,
 * and then the cost is one relaxed increment. */
static _Atomic uint64_t alloc_count;
static _Atomic uint64_t fail_at;
static _Atomic uint64_t fail_every;
static _Atomic uint64_t fail_from;

static uint64_t env_number(const char *name)
{
    uint64_t value = 0;
    const char *text = getenv(name);
    return text && str_to_u64(str_of(text), &value) ? value : 0;
}

__attribute__((constructor)) static void read_fault_environment(void)
{
    atomic_store(&fail_at, env_number("MEM_FAIL_AT"));
    atomic_store(&fail_every, env_number("MEM_FAIL_EVERY"));
    atomic_store(&fail_from, env_number("MEM_FAIL_FROM"));
}

static bool must_fail(void)
{
    uint64_t count = atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed) + 1;
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    uint64_t every = atomic_load_explicit(&fail_every, memory_order_relaxed);
    if (at != 0 && count == at)
        return true;
    return every != 0 && count % every == 0 && count >= atomic_load_explicit(&fail_from, memory_order_relaxed);
}

void mem_fail_at(uint64_t nth)
{
    atomic_store(&alloc_count, 0);
    atomic_store(&fail_at, nth);
}

uint64_t mem_fail_count(void)
{
    return atomic_load(&alloc_count);
}

#define LARGE_PIECE (4 << 20) /* a body of a megabyte is several buffers of that size, one after the other */

void mem_keep_little(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_PIECE); /* setting it stops it from growing */
    (void)mallopt(M_TRIM_THRESHOLD, 2 * LARGE_PIECE);
}

void mem_give_back(void)
{
    (void)malloc_trim(0);
}

size_t mem_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *mem_realloc(void *ptr, size_t size)
{
    return must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_strdup(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (!copy)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}

static void *or_exit(void *ptr)
{
    if (!ptr) {
        (void)fputs("fulcrum: out of memory at start-up\n", stderr);
        exit(1);
    }
    return ptr;
}

void *mem_must_alloc(size_t size)
{
    return or_exit(mem_alloc(size));
}

void *mem_must_calloc(size_t count, size_t size)
{
    return or_exit(mem_calloc(count, size));
}

bool mem_grow(void **items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    size_t wanted = *cap ? *cap * 2 : 8;
    if (wanted < *cap || wanted > SIZE_MAX / size)
        return false;
    void *grown = mem_realloc(*items, wanted * size);
    if (!grown)
        return false;
    *items = grown;
    *cap = wanted;
    return true;
}

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, cap;
    _Alignas(16) char data[];
};

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){.max = max};
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        mem_free(chunk);
        chunk = next;
    }
}

void arena_deinit(struct arena *arena)
{
    free_chunks(arena->chunks);
    *arena = (struct arena){.max = arena->max};
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->chunks;
    arena->bytes = 0;
    if (!kept)
        return;
    free_chunks(kept->next);
    kept->next = NULL;
    kept->used = 0;
}

static struct arena_chunk *arena_add_chunk(struct arena *arena, size_t size)
{
    size_t cap = arena->chunks ? arena->chunks->cap * 2 : ARENA_FIRST_CHUNK;
    if (cap > ARENA_CHUNK_MAX)
        cap = ARENA_CHUNK_MAX;
    if (cap < size)
        cap = size;
    struct arena_chunk *chunk = mem_alloc(sizeof(*chunk) + cap);
    if (!chunk)
        return NULL;
    *chunk = (struct arena_chunk){.next = arena->chunks, .cap = cap};
    arena->chunks = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (arena->max != 0 && (arena->bytes > arena->max || size > arena->max - arena->bytes))
        return NULL;
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk || size > chunk->cap - chunk->used)
        chunk = arena_add_chunk(arena, size);
    if (!chunk)
        return NULL;
    void *ptr = chunk->data + chunk->used;
    chunk->used += size;
    arena->bytes += size;
    return memset(ptr, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return arena_alloc(arena, count * size);
}

char *arena_strdup(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (copy && s.len > 0)
        memcpy(copy, s.data, s.len);
    return copy;
}

bool arena_str(struct arena *arena, struct str s, struct str *copy)
{
    copy->data = arena_strdup(arena, s);
    copy->len = copy->data ? s.len : 0;
    return copy->data != NULL;
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (struct str){text, text ? (size_t)len : 0};
}
