/* must.h - what must hold, checked in every build; a failing check says what it saw and ends the process.
 *
 *   must(slot < table->cap, "a call is in its port's table", LOG_I("slot", slot), LOG_I("cap", table->cap));
 *
 * For mistakes of this program alone: never for what a client, a disk, a peer or want of memory can bring about. The
 * fields are read only when the check fails. One line goes to standard error, whatever the log's level is: condition,
 * file, line and fields; then abort(3), so that a core file shows the rest. A worker that ends so is started again.
 * A plain assert() does where there is no state to show. Any thread. */
#ifndef CORE_MUST_H
#define CORE_MUST_H

#include "core/log.h"

_Noreturn void must_fail(const struct log_field *fields, size_t count) __attribute__((cold));

#define must(condition, what, ...)                                                                         \
    do {                                                                                                   \
        if (__builtin_expect(!(condition), 0)) {                                                           \
            const struct log_field must_fields_[] = {LOG_C("must", what), LOG_C("condition", #condition),  \
                                                     LOG_C("file", __FILE__), LOG_I("line", __LINE__),     \
                                                     __VA_ARGS__};                                         \
            must_fail(must_fields_, sizeof(must_fields_) / sizeof(must_fields_[0]));                       \
        }                                                                                                  \
    } while (0)

#endif
