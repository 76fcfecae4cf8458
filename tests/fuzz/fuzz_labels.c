/* A router's file of labels: any bytes are labels or faults, each of which is told. A writer that comes after a crash
 * adds its line behind what was whole; taking out a tenant leaves the others' lines as they were; and what is handed
 * out can be trained on or is refused. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/json.h"
#include "route/features.h"
#include "route/labels.h"
#include "route/samples.h"

static char directory[64], path[LABELS_PATH_MAX];

struct seen {
    struct samples_reader *samples; /* NULL: nobody trains */
    struct buf tenant;              /* of the first line */
    struct buf others;              /* lines of other tenants */
    size_t lines, torn, damaged, last;
    bool has_own;
};

static void check_numbers(yyjson_val *root, const char *member)
{
    yyjson_val *key, *value;
    size_t i, max;
    json_obj_foreach(yyjson_obj_get(root, member), i, max, key, value)
    {
        const double number = yyjson_get_num(value);
        assert(!yyjson_is_num(value) || (number >= 0 && number <= 1));
    }
}

static enum error_code see(void *ctx, const struct label_line *line, struct error *error)
{
    struct seen *seen = ctx;
    const struct str tenant = json_str(yyjson_obj_get(line->root, "tenant"));
    assert(yyjson_is_obj(line->root) && line->number > seen->last && str_find_char(line->text, '\n', 0) < 0);
    check_numbers(line->root, "quality");
    check_numbers(line->root, "confidence");
    check_numbers(line->root, "predicted");
    seen->last = line->number;
    if (seen->lines++ == 0)
        buf_append_str(&seen->tenant, tenant);
    if (str_eq(tenant, buf_str(&seen->tenant))) {
        seen->has_own = true;
    } else {
        buf_append_str(&seen->others, line->text);
        buf_append_char(&seen->others, '\n');
    }
    if (seen->samples && samples_add(seen->samples, line->root, line->number, error) != OK)
        assert(error->message[0] && error->code != ERROR_NO_MEMORY);
    return OK;
}

static enum error_code complain(void *ctx, enum label_fault fault, struct error *error)
{
    struct seen *seen = ctx;
    assert(!strncmp(error->message, path, strlen(path)));
    *(fault == LABEL_TORN ? &seen->torn : &seen->damaged) += 1;
    return OK;
}

static void read_all(struct seen *seen)
{
    const struct label_reader reader = {seen, see, complain};
    struct error error;
    const enum error_code code = labels_read(path, &reader, &error);
    assert(code == OK);
}

static void train_on(struct seen *seen)
{
    struct samples samples;
    struct error error;
    enum error_code code = samples_begin(1, &seen->samples, &error);
    assert(code == OK);
    read_all(seen);
    code = samples_end(seen->samples, "fuzz", &samples, &error);
    seen->samples = NULL;
    if (code == OK)
        samples_deinit(&samples);
}

static void append(void)
{
    static struct features features;
    const struct route_prompt prompt = {.user = {{STR("What are your hours?")}, 1, 20}, .turns = 1};
    const struct label label = {.request_id = STR("new"), .router = STR("auto"), .tenant = STR("a new tenant"),
                                .reference = STR("large"), .answered = STR("small"), .by = "text",
                                .models = {{STR("small"), 0, 0, 0, 0}, {STR("large"), 1, 1, 1, 1}}, .count = 2,
                                .features = &features};
    struct labels_written written;
    struct buf line;
    struct error error;
    features_read(&prompt, &features);
    buf_init(&line, 1 << 16);
    const bool is_written = label_write(&label, &line);
    assert(is_written);
    const enum error_code code = labels_append(path, buf_str(&line), &written, &error);
    assert(code == OK && !written.is_begun_anew);
    buf_deinit(&line);
}

static void clean_up(void)
{
    char name[LABELS_PATH_MAX];
    static const char *const names[] = {"routers/auto/labels", "routers/auto/labels.lock", "routers/auto", "routers",
                                        ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", directory, names[i]);
        (void)remove(name);
    }
}

/* In memory where there is such a place: each input is a file that is written three times. */
static void set_up(void)
{
    struct error error;
    (void)snprintf(directory, sizeof(directory), "%s/fuzz-labels-XXXXXX",
                   access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    const char *made = mkdtemp(directory);
    assert(made);
    const enum error_code code = labels_path(directory, STR("auto"), path, &error);
    assert(code == OK);
    append(); /* makes the folders */
    (void)atexit(clean_up);
}

static void write_file(struct str bytes)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    const bool is_written = io_write_all(fd, bytes.data, bytes.len);
    assert(is_written);
    close(fd);
}

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){0};
    buf_init(&seen->tenant, 16 << 20);
    buf_init(&seen->others, 16 << 20);
}

static void seen_deinit(struct seen *seen)
{
    buf_deinit(&seen->tenant);
    buf_deinit(&seen->others);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen first, second, third;
    struct error error;
    size_t removed;
    if (!path[0])
        set_up();
    write_file((struct str){(const char *)data, size});
    seen_init(&first);
    seen_init(&second);
    seen_init(&third);
    train_on(&first);
    append();
    read_all(&second);
    assert(second.torn == 0 && second.lines == first.lines + 1 && second.damaged == first.damaged);
    if (first.has_own) {
        const enum error_code code = labels_remove_tenant(path, buf_str(&first.tenant), &removed, &error);
        assert(code == OK);
        read_all(&third);
        assert(third.damaged == 0 && third.torn == 0 && third.lines + removed == second.lines + second.damaged);
        write_file((struct str){0});
    }
    seen_deinit(&first);
    seen_deinit(&second);
    seen_deinit(&third);
    return 0;
}
