/* body_fixture.h - bodies as their codecs read them, for the tests of api/. */
#ifndef TESTS_BODY_FIXTURE_H
#define TESTS_BODY_FIXTURE_H

#include "support.h"

#include "chat/codec.h"
#include "chat/ignored.h"
#include "core/json.h"

struct parsed {
    struct arena arena;
    struct ignored ignored;
    struct chat_request request;
    struct error error;
    enum error_code code;
};

/* A request that is still to be read. Members that nobody knows are refused where it is strict, else noted in
 * parsed->ignored. */
static inline void parsed_init(struct parsed *parsed, bool is_strict)
{
    *parsed = (struct parsed){0};
    arena_init(&parsed->arena, 0);
    parsed->ignored.arena = &parsed->arena;
    parsed->request.arena = &parsed->arena;
    parsed->request.ignored = is_strict ? NULL : &parsed->ignored;
}

static inline void release(struct parsed *parsed)
{
    codec_request_free(&parsed->request);
    arena_deinit(&parsed->arena);
}

/* A tool's result as templates show it. */
static inline struct str result_text(struct arena *arena, const struct chat_block *result)
{
    struct str text = {0};
    assert_true(chat_result_text(result, arena, &text));
    return text;
}

/* The body was refused with a message that begins so. */
static inline void release_refused(struct parsed *parsed, const char *message)
{
    assert_int_equal(parsed->code, ERROR_INVALID);
    if (!str_starts(str_of(parsed->error.message), str_of(message)))
        fail_msg("%s\n  does not begin with\n%s", parsed->error.message, message);
    release(parsed);
}

#endif
