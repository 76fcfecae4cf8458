/* kernels_fixture.h - the sets of kernels that this processor can run, and numbers at random. */
#ifndef TESTS_UNIT_KERNELS_FIXTURE_H
#define TESTS_UNIT_KERNELS_FIXTURE_H

#include <cpuid.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

static uint64_t seed;

static inline uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static inline float draw_float(void) { return (float)draw() / (float)(1u << 30) - 1.0f; }

static inline size_t sets_here(const struct kernels *sets[3])
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    size_t count = 0;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        sets[count++] = &kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1u << 4)
        sets[count++] = &kernels_avx_vnni;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        sets[count++] = &kernels_avx2;
    return count;
}

#endif
