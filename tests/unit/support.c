#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

void assert_str_equal_at(struct str actual, const char *expected, const char *file, int line)
{
    if (str_eq(actual, str_of(expected)))
        return;
    print_error("\"" STR_FMT "\" != \"%s\"\n", STR_ARG(actual), expected);
    _fail(file, line);
}

struct str shared_file_or_skip(const char *path)
{
    char whole[512];
    (void)snprintf(whole, sizeof(whole), "../shared/%s", path);
    FILE *file = fopen(whole, "rb");
    if (!file) {
        print_message("skipped: no ../shared\n");
        skip();
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *data = mem_must_alloc((size_t)size + 1);
    assert_int_equal(fread(data, 1, (size_t)size, file), (size_t)size);
    data[size] = '\0';
    (void)fclose(file);
    return (struct str){data, (size_t)size};
}

char test_root[64];

int test_root_make(void **state)
{
    (void)state;
    (void)snprintf(test_root, sizeof(test_root), "/tmp/fulcrum-test-XXXXXX");
    return mkdtemp(test_root) ? 0 : 1;
}

int test_root_remove(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", test_root);
    return system(command);
}
