/* eval_answers.c - see eval_answers.h. */
#include "cmd/eval_answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/io.h"
#include "core/json.h"
#include "core/json_copy.h"
#include "core/mem.h"
#include "core/util.h"

#define FILE_BYTES_MAX ((size_t)4 << 30)
#define LINE_BYTES_MAX ((size_t)64 << 20)

struct kept {
    struct str key, reply; /* in the text */
};

struct eval_answers {
    int fd; /* -1: none */
    const char *path;
    struct buf text, line;
    struct kept *items; /* by key */
    size_t count, cap;
};

static int compare_kept(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return memcmp(x->key.data, y->key.data, ANSWER_KEY_LEN);
}

/* `"key"` without its quotes. */
static struct str key_in(struct str line)
{
    const struct str key = json_copy_find(line, "key");
    return key.len == ANSWER_KEY_LEN + 2 && key.data[0] == '"' ? str_slice(key, 1, key.len - 1) : (struct str){NULL, 0};
}

static enum error_code read_lines(struct eval_answers *answers, struct error *error)
{
    struct str rest = buf_str(&answers->text), line;
    while (str_split(&rest, '\n', &line)) {
        const struct kept kept = {key_in(line), json_copy_find(line, "reply")};
        void *items = answers->items;
        if (!kept.key.data || !kept.reply.data)
            continue;
        if (!mem_grow(&items, answers->count, &answers->cap, sizeof(*answers->items)))
            return error_no_memory(error);
        answers->items = items;
        answers->items[answers->count++] = kept;
    }
    if (answers->count > 0)
        qsort(answers->items, answers->count, sizeof(*answers->items), compare_kept);
    return OK;
}

static enum error_code open_file(struct eval_answers *answers, struct error *error)
{
    struct stat status;
    uint64_t end = 0;
    answers->fd = open(answers->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (answers->fd < 0 || fstat(answers->fd, &status) != 0 ||
        !file_whole_lines(answers->fd, (uint64_t)status.st_size, &end) || ftruncate(answers->fd, (off_t)end) != 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot keep answers in %s", answers->path);
    const enum error_code code = file_read(answers->path, &answers->text, error);
    return code == OK ? read_lines(answers, error) : code;
}

enum error_code eval_answers_open(const char *path, struct eval_answers **answers, struct error *error)
{
    struct eval_answers *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->fd = -1;
    made->path = path;
    buf_init(&made->text, FILE_BYTES_MAX);
    buf_init(&made->line, LINE_BYTES_MAX);
    const enum error_code code = path ? open_file(made, error) : OK;
    if (code != OK)
        eval_answers_close(made);
    else
        *answers = made;
    return code;
}

void eval_answers_close(struct eval_answers *answers)
{
    if (!answers)
        return;
    if (answers->fd >= 0)
        close(answers->fd);
    buf_deinit(&answers->text);
    buf_deinit(&answers->line);
    mem_free(answers->items);
    mem_free(answers);
}

void eval_answers_key(const char *model, struct str request, char key[ANSWER_KEY_LEN + 1])
{
    uint8_t of_request[SHA256_LEN], digest[SHA256_LEN];
    struct buf text;
    sha256(request, of_request);
    buf_init(&text, 1 << 20);
    buf_append(&text, of_request, sizeof(of_request));
    buf_append_text(&text, model);
    sha256(buf_str(&text), digest);
    buf_deinit(&text);
    hex_encode(digest, ANSWER_KEY_LEN / 2, key);
}

struct str eval_answers_find(const struct eval_answers *answers, const char *key)
{
    const struct kept wanted = {.key = {key, ANSWER_KEY_LEN}};
    const struct kept *found =
        answers->count ? bsearch(&wanted, answers->items, answers->count, sizeof(wanted), compare_kept) : NULL;
    return found ? found->reply : (struct str){NULL, 0};
}

enum error_code eval_answers_add(struct eval_answers *answers, const char *key, const char *model, struct str reply,
                                 struct error *error)
{
    if (answers->fd < 0)
        return OK;
    buf_clear(&answers->line);
    buf_appendf(&answers->line, "{\"key\":\"%s\",\"model\":", key);
    buf_append_json(&answers->line, str_of(model));
    buf_append_text(&answers->line, ",\"reply\":");
    json_copy_append(&answers->line, reply); /* on one line, whoever wrote it */
    buf_append_text(&answers->line, "}\n");
    if (answers->line.failed)
        return error_no_memory(error);
    if (write(answers->fd, answers->line.data, answers->line.len) != (ssize_t)answers->line.len)
        return error_set_errno(error, ERROR_IO, errno ? errno : ENOSPC, "cannot keep answers in %s", answers->path);
    return OK;
}
