/* share.c - see share.h. */
#include "route/share.h"

#define ONE INT64_C(1000000000)
#define RATE_ONE 1000000
#define RATE_STEP 64 /* answers that the rate remembers, about */

/* 0.3 as a double is a little less than three tenths. */
static int64_t units_of(double part)
{
    return (int64_t)(part * (double)ONE + 0.001);
}

/* An update that another thread's overtakes is no loss. */
static void follow(struct route_share *share, bool is_taken)
{
    const int64_t rate = atomic_load_explicit(&share->rate, memory_order_relaxed);
    const int64_t next = rate + ((is_taken ? RATE_ONE : 0) - rate) / RATE_STEP;
    atomic_store_explicit(&share->rate, (uint32_t)next, memory_order_relaxed);
}

bool route_share_take(struct route_share *share, double part, bool is_wanted)
{
    const int64_t earned = units_of(part), most = ROUTE_SHARE_SAVED * ONE;
    int64_t before = atomic_load(&share->saved), after;
    bool is_taken;
    do {
        const int64_t saved = before + earned < most ? before + earned : most;
        is_taken = is_wanted && saved >= ONE;
        after = is_taken ? saved - ONE : saved;
    } while (!atomic_compare_exchange_weak(&share->saved, &before, after));
    follow(share, is_taken);
    return is_taken;
}

double route_share_rate(const struct route_share *share)
{
    return (double)atomic_load_explicit(&share->rate, memory_order_relaxed) / RATE_ONE;
}
