/* support_provider.h - a provider of chat completions that answers at once, as a process of its own.
 *
 * It takes POST requests of any path with a content-length. `"stream":true` in the body: a stream of sixteen words and
 * usage, all in one write; with `"model":"held"`, the first word only, and then nothing until the client leaves. Else
 * the same reply whole. Twelve tokens of prompt, sixteen of reply. One thread. */
#ifndef BENCH_SUPPORT_PROVIDER_H
#define BENCH_SUPPORT_PROVIDER_H

#include <stdint.h>
#include <sys/types.h>

#define PROVIDER_PROMPT_TOKENS 12
#define PROVIDER_REPLY_TOKENS 16

struct bench_provider {
    pid_t pid;
    uint16_t port; /* on 127.0.0.1 */
};

struct bench_provider bench_provider_start(void); /* exits the bench when it can't */
void bench_provider_stop(const struct bench_provider *provider);

#endif
