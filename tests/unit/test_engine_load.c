/* test_engine_load.c - what a loaded model leaves of its file in memory. */
#include "support_scheduler.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/model.h"
#include "support.h"

/* KiB of the mapped file that are resident in this process. */
static unsigned long resident_kib(const char *path)
{
    char line[PATH_MAX + 256], real[PATH_MAX];
    unsigned long sum = 0, kib, begin, end;
    bool is_file = false;
    FILE *maps = fopen("/proc/self/smaps", "re");
    assert_non_null(maps);
    assert_non_null(realpath(path, real));
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            is_file = strstr(line, real) != NULL;
        if (is_file && sscanf(line, "Rss: %lu kB", &kib) == 1)
            sum += kib;
    }
    fclose(maps);
    return sum;
}

/* Weights that were packed are in memory once. */
static void test_drops_pages_of_the_file(void **state)
{
    (void)state;
    char path[64];
    struct model *model;
    struct error error;
    struct random_gguf_options shape = RANDOM_GGUF_TINY;
    shape.weights = "q8_0";
    assert_true(write_model(&shape, "load", path));
    const struct model_options options = {.path = path, .context = 256, .parallel = 1, .threads = 1};
    assert_int_equal(model_load(&options, &model, &error), OK);
    assert_int_equal(resident_kib(path), 0);
    model_batch_clear(model);
    model_batch_add(model, 300, 0, 0, true);
    assert_int_equal(model_decode(model), MODEL_OK); /* what is still read of it comes back */
    model_free(model);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drops_pages_of_the_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
