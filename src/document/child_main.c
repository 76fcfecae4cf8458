/* child_main.c - the child's side of child.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "document/child.h"
#include "document/child_status.h"
#include "document/read.h"
#include "document/sandbox.h"

#define MISSING_MAX 1024u

static int say(const struct error *error, int status)
{
    struct str message = str_of(error->message);
    while (message.len > 0) {
        ssize_t written = write(STDERR_FILENO, message.data, message.len);
        if (written <= 0)
            break;
        message = str_slice(message, (size_t)written, message.len);
    }
    return error->code == ERROR_NO_MEMORY ? CHILD_NO_MEMORY : status;
}

static bool take_limits(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct str rest = str_of(argv[i]), name;
        uint64_t value;
        if (!str_split(&rest, '=', &name) || !str_to_u64(rest, &value) || !limits_set(name, value))
            return false;
    }
    return true;
}

static int become_pdftotext(const char *program)
{
    char last_page[24];
    char *arguments[] = {"pdftotext", "-layout", "-enc", "UTF-8", "-eol", "unix", "-l", last_page, "-", "-", NULL};
    char *environment[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
    struct error error;
    /* One page more than the limit, to see that there are too many. */
    snprintf(last_page, sizeof(last_page), "%llu", (unsigned long long)limit(document_pages) + 1);
    execve(program, arguments, environment);
    (void)error_set_errno(&error, ERROR_INTERNAL, errno, "cannot run %s", program);
    return say(&error, CHILD_BROKEN);
}

static bool read_input(struct buf *input)
{
    struct stat info;
    if (fstat(STDIN_FILENO, &info) || info.st_size < 0)
        return false;
    buf_init(input, (size_t)info.st_size + 1);
    if (!buf_reserve(input, (size_t)info.st_size))
        return false;
    while (input->len < (size_t)info.st_size) {
        ssize_t got = read(STDIN_FILENO, input->data + input->len, (size_t)info.st_size - input->len);
        if (got <= 0)
            return false;
        input->len += (size_t)got;
    }
    return true;
}

static bool write_output(struct str text)
{
    while (text.len > 0) {
        ssize_t written = write(STDOUT_FILENO, text.data, text.len);
        if (written <= 0)
            return false;
        text = str_slice(text, (size_t)written, text.len);
    }
    return true;
}

/* Memory is not given back: the process is over. */
static int extract(enum document_format format)
{
    struct buf input, text;
    struct error error;
    if (!read_input(&input)) {
        (void)error_set(&error, ERROR_INTERNAL, "cannot read the input");
        return say(&error, CHILD_BROKEN);
    }
    buf_init(&text, (size_t)limit(document_text_bytes));
    if (document_read(format, buf_str(&input), &text, &error) != OK)
        return say(&error, CHILD_REFUSED);
    return write_output(buf_str(&text)) ? 0 : CHILD_BROKEN;
}

/* *missing: what the sandbox lacks. */
static enum error_code enter(const char *program, struct buf *missing, struct error *error)
{
    struct sandbox_walls walls = {0};
    if (!buf_reserve(missing, MISSING_MAX)) /* while memory is not limited yet */
        return error_no_memory(error);
    enum error_code code = sandbox_enter(program, &walls, error);
    if (code == OK)
        sandbox_append_missing(&walls, missing);
    return code;
}

static int refuse_weak(const struct buf *missing)
{
    struct error error;
    (void)error_set(&error, ERROR_INTERNAL, "the sandbox is required and not whole: " STR_FMT,
                    STR_ARG(buf_str(missing)));
    return say(&error, CHILD_BROKEN);
}

static int probe(struct buf *missing)
{
    sandbox_append_escapes(missing);
    return write_output(buf_str(missing)) ? 0 : CHILD_BROKEN;
}

int child_main(int argc, char **argv)
{
    enum document_format format;
    struct error error;
    const bool is_probe = argc > 1 && str_eq(str_of(argv[1]), STR("probe"));
    const bool is_known = argc > 3 && (is_probe || document_format_parse(str_of(argv[1]), &format));
    if (!is_known || !take_limits(argc - 4, argv + 4)) {
        fprintf(stderr, "fulcrum extract: started by `fulcrum serve`, not by hand\n");
        return 2;
    }
    const char *program = argv[2][0] == '/' ? argv[2] : NULL;
    const bool is_required = str_eq(str_of(argv[3]), STR("required"));
    struct buf missing;
    buf_init(&missing, MISSING_MAX);
    int status;
    if (enter(program, &missing, &error) != OK)
        status = say(&error, CHILD_BROKEN);
    else if (is_probe)
        status = probe(&missing);
    else if (is_required && missing.len > 0)
        status = refuse_weak(&missing);
    else
        status = program ? become_pdftotext(program) : extract(format);
    _exit(status); /* no handlers: they belong to the program that this one was */
}
