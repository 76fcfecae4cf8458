/* meter.c - see meter.h. */
#include "keys/meter.h"

#include <math.h>

#define MINUTE_US 6e7

static void fill(double *left, uint64_t per_minute, double us)
{
    const double most = (double)per_minute, filled = *left + most * us / MINUTE_US;
    *left = filled > most ? most : filled;
}

static void fill_up(struct meter *meter, const struct meter_limits *limits, uint64_t now_us)
{
    if (meter->filled_us == 0)
        *meter = (struct meter){(double)limits->requests, (double)limits->tokens, now_us};
    const double us = now_us > meter->filled_us ? (double)(now_us - meter->filled_us) : 0;
    fill(&meter->requests, limits->requests, us);
    fill(&meter->tokens, limits->tokens, us);
    meter->filled_us = now_us;
}

enum error_code meter_take(struct meter *meter, const struct meter_limits *limits, const char *who, struct str name,
                           uint64_t tokens, uint64_t now_us, struct error *error)
{
    fill_up(meter, limits, now_us);
    const bool lacks_requests = limits->requests && meter->requests < 1;
    if (lacks_requests || (limits->tokens && meter->tokens <= 0)) {
        const uint64_t per_minute = lacks_requests ? limits->requests : limits->tokens;
        const double missing = 1 - (lacks_requests ? meter->requests : meter->tokens);
        const double seconds = ceil(missing * 60 / (double)per_minute);
        (void)error_set(error, ERROR_THROTTLED, "The %s '" STR_FMT "' has used its %llu %s a minute.", who,
                        STR_ARG(name), (unsigned long long)per_minute, lacks_requests ? "requests" : "tokens");
        error->retry_s = seconds < 1 ? 1 : (unsigned)seconds;
        return error->code;
    }
    meter->requests -= limits->requests ? 1 : 0;
    meter->tokens -= limits->tokens ? (double)tokens : 0;
    return OK;
}

void meter_give(struct meter *meter, const struct meter_limits *limits, uint64_t taken, uint64_t used, uint64_t now_us)
{
    if (!limits->tokens)
        return;
    fill_up(meter, limits, now_us);
    meter->tokens += (double)taken - (double)used;
}

void meter_undo(struct meter *meter, const struct meter_limits *limits, uint64_t taken)
{
    meter->requests += limits->requests ? 1 : 0;
    meter->tokens += limits->tokens ? (double)taken : 0;
}
