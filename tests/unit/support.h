/* support.h - what unit tests share. */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

/* cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/str.h"

#define assert_str_equal(actual, expected) assert_str_equal_at((actual), (expected), __FILE__, __LINE__)
void assert_str_equal_at(struct str actual, const char *expected, const char *file, int line);

/* Reads ../shared/PATH relative to the repository's root; skips the running
 * test with 'skipped: no ../shared' when it is absent. mem_free the data. */
struct str shared_file_or_skip(const char *path);

/* A directory of one's own for each test: setup and teardown. */
extern char test_root[64];
int test_root_make(void **state);
int test_root_remove(void **state);

#endif
