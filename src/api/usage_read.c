/* usage_read.c - see usage_read.h. */
#include "api/usage_read.h"

#define COUNT_MAX UINT32_MAX /* no reply has more tokens: whoever says so is not believed */

static uint64_t bounded(uint64_t count, bool *is_odd)
{
    if (count <= COUNT_MAX)
        return count;
    *is_odd = true;
    return COUNT_MAX;
}

/* Of the prompt neither read nor written. */
static uint64_t fresh_of(const struct usage_said *said, bool *is_odd)
{
    const uint64_t cached = said->read + said->written, least = said->prompt + said->replied;
    if (said->is_apart) {
        *is_odd = *is_odd || (said->total && said->total != least + cached);
        return said->prompt;
    }
    const bool fits = !said->total || said->total == least;
    if (fits && cached <= said->prompt)
        return said->prompt - cached;
    *is_odd = true;
    if (said->total == least + cached)
        return said->prompt;
    if (said->total == least + said->written && said->read <= said->prompt) /* reads inside, writes beside */
        return said->prompt - said->read;
    return cached > said->prompt ? said->prompt : said->prompt - cached;
}

void usage_take(const struct usage_said *said, struct chat_usage *usage)
{
    bool is_odd = said->is_odd || said->written_1h > said->written || said->reasoning > said->replied;
    struct usage_said counts = {
        .prompt = bounded(said->prompt, &is_odd),
        .read = bounded(said->read, &is_odd),
        .written = bounded(said->written, &is_odd),
        .replied = bounded(said->replied, &is_odd),
        .total = said->total,
        .is_apart = said->is_apart,
    };
    const uint64_t long_lived = said->written_1h < counts.written ? said->written_1h : counts.written;
    *usage = (struct chat_usage){
        .tier = usage->tier,
        .has_tier = usage->has_tier,
        .input_tokens = fresh_of(&counts, &is_odd),
        .cache_read_tokens = counts.read,
        .cache_write_5m_tokens = counts.written - long_lived,
        .cache_write_1h_tokens = long_lived,
        .output_tokens = counts.replied,
        .reasoning_tokens = said->reasoning < counts.replied ? said->reasoning : counts.replied,
    };
    usage->note = is_odd ? CHAT_USAGE_ODD : CHAT_USAGE_COUNTED;
}
