/* replay_main.c - runs a fuzz target over the files of a folder, without a
 * fuzzer: replay_NAME tests/fuzz/corpus/NAME. The name of each input goes out
 * before it runs, so that the last one named is the one that broke it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/buf.h"

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_input(const char *path, struct buf *input)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    while (buf_reserve(input, 65536)) {
        size_t got = fread(input->data + input->len, 1, 65536, file);
        input->len += got;
        if (got == 0)
            break;
    }
    bool is_whole = feof(file) && !ferror(file) && !input->failed;
    return fclose(file) == 0 && is_whole;
}

static bool replay_file(const char *path)
{
    struct buf input;
    buf_init(&input, INPUT_MAX);
    printf("%s\n", path);
    fflush(stdout);
    bool is_read = read_input(path, &input);
    if (is_read)
        LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.len);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    buf_deinit(&input);
    return is_read;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    size_t count = 0, failed = 0;
    char path[4096];
    struct stat info;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name) >= (int)sizeof(path))
            continue;
        if (stat(path, &info) || !S_ISREG(info.st_mode))
            continue;
        count++;
        failed += !replay_file(path);
    }
    closedir(folder);
    printf("%zu inputs replayed\n", count);
    return count == 0 || failed > 0; /* a corpus that is gone is a failure too */
}
