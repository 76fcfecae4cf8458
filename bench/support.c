#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

#define TEXT_MAX ((size_t)1 << 24)
#define COLUMN_WIDTH 14

struct bench {
    const char *name;
    struct buf rows, limits; /* JSON, without the brackets */
    struct buf heading;      /* keys of the row before */
    struct buf limit_lines;
};

struct bench *bench_new(const char *name)
{
    struct bench *bench = mem_must_calloc(1, sizeof(*bench));
    bench->name = name;
    buf_init(&bench->rows, TEXT_MAX);
    buf_init(&bench->limits, TEXT_MAX);
    buf_init(&bench->heading, TEXT_MAX);
    buf_init(&bench->limit_lines, TEXT_MAX);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s\n", name);
    return bench;
}

/* Enough digits to compare runs, no more. */
static void append_number(struct buf *out, double number)
{
    double size = number < 0 ? -number : number;
    int digits = size >= 100 ? 1 : size >= 1 ? 3 : 5;
    if (number != number || size > 1e300)
        buf_append_text(out, "null"); /* JSON has no infinity */
    else
        buf_appendf(out, "%.*f", digits, number);
}

static void print_heading(struct bench *bench, const struct bench_cell *cells, size_t count)
{
    struct buf heading;
    buf_init(&heading, TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        buf_appendf(&heading, "%s%*s", i == 0 ? "" : " ", i == 0 ? -2 * COLUMN_WIDTH : COLUMN_WIDTH + 1, cells[i].key);
    if (!str_eq(buf_str(&heading), buf_str(&bench->heading)))
        printf("  " STR_FMT "\n", STR_ARG(buf_str(&heading)));
    buf_deinit(&bench->heading);
    bench->heading = heading;
}

void bench_row(struct bench *bench, const struct bench_cell *cells, size_t count)
{
    struct buf number;
    buf_init(&number, 64);
    print_heading(bench, cells, count);
    printf("  ");
    buf_append_text(&bench->rows, bench->rows.len > 0 ? ",{" : "{");
    for (size_t i = 0; i < count; i++) {
        const struct bench_cell *cell = &cells[i];
        buf_clear(&number);
        append_number(&number, cell->number);
        struct str shown = cell->text ? str_of(cell->text) : buf_str(&number);
        printf("%s%*.*s", i == 0 ? "" : " ", i == 0 ? -2 * COLUMN_WIDTH : COLUMN_WIDTH + 1, (int)shown.len, shown.data);
        buf_append_text(&bench->rows, i > 0 ? "," : "");
        buf_append_json(&bench->rows, str_of(cell->key));
        buf_append_char(&bench->rows, ':');
        if (cell->text)
            buf_append_json(&bench->rows, shown);
        else
            buf_append_str(&bench->rows, shown);
    }
    buf_append_char(&bench->rows, '}');
    printf("\n");
    buf_deinit(&number);
}

void bench_limit(struct bench *bench, const char *key, double value, enum bench_bound direction, double bound)
{
    bool holds = direction == BENCH_AT_MOST ? value <= bound : value >= bound;
    buf_append_text(&bench->limits, bench->limits.len > 0 ? "," : "");
    buf_append_json(&bench->limits, str_of(key));
    buf_append_text(&bench->limits, ":{\"value\":");
    append_number(&bench->limits, value);
    buf_append_text(&bench->limits, ",\"bound\":");
    append_number(&bench->limits, bound);
    buf_appendf(&bench->limits, ",\"holds\":%s}", holds ? "true" : "false");
    buf_appendf(&bench->limit_lines, "  %-*s ", 2 * COLUMN_WIDTH, key);
    append_number(&bench->limit_lines, value);
    buf_appendf(&bench->limit_lines, " (%s ", direction == BENCH_AT_MOST ? "at most" : "at least");
    append_number(&bench->limit_lines, bound);
    buf_appendf(&bench->limit_lines, ")%s\n", holds ? "" : "  DOES NOT HOLD");
}

/* The processor's name; "unknown" where the kernel doesn't say. */
static void read_processor(char *name, size_t cap)
{
    (void)snprintf(name, cap, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof(line), file)) {
        struct str text = str_of(line);
        if (!str_starts(text, STR("model name")))
            continue;
        ptrdiff_t colon = str_find_char(text, ':', 0);
        struct str value = str_trim(str_slice(text, colon < 0 ? text.len : (size_t)colon + 1, text.len));
        (void)snprintf(name, cap, STR_FMT, STR_ARG(value));
        break;
    }
    if (file)
        (void)fclose(file);
}

static void append_machine(struct buf *out)
{
    char processor[256];
    struct utsname system;
    double load[1] = {0};
    read_processor(processor, sizeof(processor));
    const char *release = uname(&system) == 0 ? system.release : "unknown";
    (void)getloadavg(load, 1);
    buf_append_text(out, "{\"processor\":");
    buf_append_json(out, str_of(processor));
    buf_appendf(out, ",\"cores\":%ld,\"memoryBytes\":%lld,\"kernel\":", sysconf(_SC_NPROCESSORS_ONLN),
                (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    buf_append_json(out, str_of(release));
    buf_append_text(out, ",\"compiler\":");
    buf_append_json(out, str_of(__VERSION__));
    buf_appendf(out, ",\"loadAverage\":%.2f}", load[0]);
}

static bool write_file(const char *path, struct str text)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    bool ok = fwrite(text.data, 1, text.len, file) == text.len;
    return fclose(file) == 0 && ok;
}

static void make_folder(void)
{
    (void)mkdir("build", 0777);
    (void)mkdir("build/bench", 0777);
}

int bench_finish(struct bench *bench)
{
    char path[256];
    struct buf json;
    buf_init(&json, TEXT_MAX);
    buf_append_text(&json, "{\"name\":");
    buf_append_json(&json, str_of(bench->name));
    buf_append_text(&json, ",\"machine\":");
    append_machine(&json);
    buf_append_text(&json, ",\"rows\":[");
    buf_append_str(&json, buf_str(&bench->rows));
    buf_append_text(&json, "],\"limits\":{");
    buf_append_str(&json, buf_str(&bench->limits));
    buf_append_text(&json, "}}\n");
    printf(STR_FMT, STR_ARG(buf_str(&bench->limit_lines)));
    (void)snprintf(path, sizeof(path), "build/bench/%s.json", bench->name);
    make_folder();
    bool ok = !json.failed && write_file(path, buf_str(&json));
    if (ok)
        printf("  -> %s\n", path);
    else
        (void)fprintf(stderr, "bench %s: cannot write %s: %s\n", bench->name, path, strerror(errno));
    buf_deinit(&json);
    buf_deinit(&bench->rows);
    buf_deinit(&bench->limits);
    buf_deinit(&bench->heading);
    buf_deinit(&bench->limit_lines);
    mem_free(bench);
    return ok ? 0 : 1;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_percentile(double *values, size_t count, double share)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    size_t at = (size_t)((double)count * share);
    return values[at < count ? at : count - 1];
}

/* --- before a bench --------------------------------------------------------------------------------- */

uint64_t bench_setting(const char *name, uint64_t fallback)
{
    uint64_t value;
    return str_to_u64(str_of(getenv(name)), &value) && value > 0 ? value : fallback;
}

unsigned bench_rounds(unsigned fallback)
{
    const uint64_t rounds = bench_setting("BENCH_ROUNDS", fallback);
    return rounds < BENCH_ROUNDS_MAX ? (unsigned)rounds : BENCH_ROUNDS_MAX;
}

void bench_model(const struct random_gguf_options *shape, const char *path)
{
    struct error error;
    make_folder();
    if (access(path, R_OK) == 0 || random_gguf_write(shape, path, &error) == OK)
        return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}
