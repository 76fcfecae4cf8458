/* x-fulcrum-cache: every outcome and every reason, as the contract spells them. */
#include "support.h"

#include "api/cache_header.h"

static void reads(const struct chat_cache_use *use, const char *header)
{
    struct arena arena;
    arena_init(&arena, 0);
    const struct str text = cache_header(use, &arena);
    if (!str_eq(text, str_of(header)))
        fail_msg("got " STR_FMT ", expected %s", STR_ARG(text), header);
    arena_deinit(&arena);
}

static void outcomes(void **state)
{
    (void)state;
    reads(&(struct chat_cache_use){.read_tokens = 7}, "hit; read=7; write=0");
    reads(&(struct chat_cache_use){.read_tokens = 7, .write_tokens = 3, .miss = CHAT_MISS_FIRST_USE},
          "partial; read=7; write=3; reason=first-use");
    reads(&(struct chat_cache_use){.write_tokens = 3, .miss = CHAT_MISS_FIRST_USE},
          "miss; read=0; write=3; reason=first-use");
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_DISABLED}, "off; read=0; write=0; reason=disabled");
}

static void reasons(void **state)
{
    (void)state;
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_CHANGED, .miss_value = 12},
          "miss; read=0; write=0; reason=changed-at-token=12");
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_BELOW_MINIMUM, .miss_value = 12, .miss_need = 1024},
          "miss; read=0; write=0; reason=below-minimum=12/1024");
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_EXPIRED, .miss_value = 301},
          "miss; read=0; write=0; reason=expired=301");
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_EVICTED}, "miss; read=0; write=0; reason=evicted");
    reads(&(struct chat_cache_use){.miss = CHAT_MISS_NO_CHECKPOINT}, "miss; read=0; write=0; reason=no-checkpoint");
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(cache_outcome_name(cache_outcome(&(struct chat_cache_use){.read_tokens = 1})), "hit");
    assert_string_equal(cache_outcome_name(cache_outcome(&(struct chat_cache_use){.miss = CHAT_MISS_DISABLED})),
                        "off");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes),
        cmocka_unit_test(reasons),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("cache_header", tests, NULL, NULL);
}
