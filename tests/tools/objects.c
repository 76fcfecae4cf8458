/* Runs the object store from a test: an S3 server given by the environment
 * (S3_ENDPOINT, S3_REGION, S3_KEY, S3_SECRET, S3_DIRECTORY) or, without an
 * endpoint, the directory itself.
 *
 *   objects COMMAND BUCKET [KEY [...]]
 *   create | head | delete-bucket | buckets | put KEY FILE | get KEY OFFSET LEN | stat KEY | delete KEY
 *   list PREFIX DELIMITER MAX          all pages, one entry a line, keys percent-encoded
 *
 * Prints the result; a problem is one line `problem N: MESSAGE` and status 1. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "core/buf.h"
#include "store/objects.h"

#define TENANT STR("tool")

static void print_encoded(struct str text)
{
    struct buf out;
    buf_init(&out, 1u << 16);
    sigv4_append_encoded(&out, text, true);
    printf(STR_FMT, STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

static enum objects_problem get(struct objects *objects, struct str bucket, char **args, struct error *error)
{
    struct objects_reader *reader;
    char window[65536];
    size_t len = 1;
    uint64_t offset = strtoull(args[1], NULL, 10);
    uint64_t wanted = args[2][0] == '-' ? OBJECTS_SIZE_UNKNOWN : strtoull(args[2], NULL, 10);
    enum objects_problem problem =
        objects_reader_open(objects, TENANT, bucket, str_of(args[0]), offset, wanted, NULL, &reader, error);
    while (problem == OBJECTS_OK && len > 0) {
        problem = objects_reader_read(reader, window, sizeof(window), &len, error);
        if (problem == OBJECTS_OK && fwrite(window, 1, len, stdout) != len)
            break;
    }
    objects_reader_close(reader);
    return problem;
}

static enum objects_problem list(struct objects *objects, struct str bucket, char **args, struct error *error)
{
    struct arena arena;
    struct objects_page page;
    struct objects_list_options options = {
        .prefix = str_of(args[0]), .delimiter = str_of(args[1]), .max = (size_t)strtoull(args[2], NULL, 10)};
    enum objects_problem problem;
    arena_init(&arena, 0);
    do {
        problem = objects_list(objects, TENANT, bucket, &options, &arena, &page, error);
        for (size_t i = 0; problem == OBJECTS_OK && i < page.count; i++) {
            print_encoded(page.entries[i].key);
            printf(page.entries[i].is_prefix ? " +\n" : " %" PRIu64 " " STR_FMT "\n", page.entries[i].size,
                   STR_ARG(page.entries[i].etag));
        }
        options.after = page.next;
    } while (problem == OBJECTS_OK && page.is_truncated);
    arena_deinit(&arena);
    return problem;
}

static enum objects_problem list_buckets(struct objects *objects, struct error *error)
{
    struct arena arena;
    struct objects_bucket *buckets;
    size_t count = 0;
    arena_init(&arena, 0);
    enum objects_problem problem = objects_bucket_list(objects, TENANT, &arena, &buckets, &count, error);
    for (size_t i = 0; i < count; i++)
        printf(STR_FMT "\n", STR_ARG(buckets[i].name));
    arena_deinit(&arena);
    return problem;
}

static enum objects_problem run(struct objects *objects, const char *command, struct str bucket, char **args,
                                int count, struct error *error)
{
    struct objects_info info;
    enum objects_problem problem = OBJECTS_OK;
    if (!strcmp(command, "create"))
        return objects_bucket_create(objects, TENANT, bucket, STR(""), error);
    if (!strcmp(command, "head"))
        return objects_bucket_head(objects, TENANT, bucket, NULL, error);
    if (!strcmp(command, "delete-bucket"))
        return objects_bucket_delete(objects, TENANT, bucket, error);
    if (!strcmp(command, "buckets"))
        return list_buckets(objects, error);
    if (!strcmp(command, "put") && count == 2)
        return objects_put_file(objects, TENANT, bucket, str_of(args[0]), args[1], STR("text/x-tool"), error);
    if (!strcmp(command, "get") && count == 3)
        return get(objects, bucket, args, error);
    if (!strcmp(command, "delete") && count == 1)
        return objects_delete(objects, TENANT, bucket, str_of(args[0]), NULL, error);
    if (!strcmp(command, "list") && count == 3)
        return list(objects, bucket, args, error);
    if (strcmp(command, "stat") != 0 || count != 1)
        exit(2);
    problem = objects_head(objects, TENANT, bucket, str_of(args[0]), &info, error);
    if (problem == OBJECTS_OK)
        printf("%" PRIu64 " %s %s\n", info.size, info.etag, info.type);
    return problem;
}

int main(int argc, char **argv)
{
    struct objects *objects;
    struct error error = {0};
    const struct objects_options options = {.directory = getenv("S3_DIRECTORY"),
                                            .endpoint = getenv("S3_ENDPOINT"),
                                            .region = getenv("S3_REGION"),
                                            .key = getenv("S3_KEY"),
                                            .secret = getenv("S3_SECRET")};
    if (argc < 3)
        return 2;
    if (objects_open(&options, &objects, &error) != OK) {
        printf("problem: %s\n", error.message);
        return 1;
    }
    enum objects_problem problem = run(objects, argv[1], str_of(argv[2]), argv + 3, argc - 3, &error);
    if (problem != OBJECTS_OK)
        printf("problem %d: %s\n", (int)problem, error.message);
    objects_close(objects);
    return problem == OBJECTS_OK ? 0 : 1;
}
