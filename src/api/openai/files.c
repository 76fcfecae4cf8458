/* files.c - operations on OpenAI's files. A file is there whole, or not at all; batches alone read what is in it. See
 * files.h. */
#include "api/openai/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "api/download.h"
#include "api/multipart.h"
#include "api/offload.h"
#include "api/openai/list.h"
#include "api/upload.h"
#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "store/disk.h"
#include "store/files.h"

#define LIST_MAX 10000u
#define LIST_USUAL 10000u
#define EXPIRES_MIN_S 3600u
#define EXPIRES_MAX_S 2592000u
#define PIECE_BYTES ((size_t)1 << 20)
#define US_PER_S 1000000u

static void append_file(struct buf *out, const struct file_row *row)
{
    buf_appendf(out, "{\"id\":\"%s\",\"object\":\"file\",\"bytes\":%llu,\"created_at\":%llu", row->id,
                (unsigned long long)row->bytes, (unsigned long long)(row->created_us / US_PER_S));
    if (row->expires_us > 0)
        buf_appendf(out, ",\"expires_at\":%llu", (unsigned long long)(row->expires_us / US_PER_S));
    json_append_member(out, "filename", row->name);
    json_append_member(out, "purpose", row->purpose);
    buf_append_text(out, ",\"status\":\"processed\"}");
}

/* --- create: on the pool ------------------------------------------------------------------------------ */

struct creation {
    struct file_row row;
    struct str bytes;
    uint64_t expires_s;
    bool has_file, has_anchor;
};

static enum error_code take_seconds(struct creation *creation, struct str text, struct error *error)
{
    if (str_to_u64(text, &creation->expires_s) && creation->expires_s >= EXPIRES_MIN_S &&
        creation->expires_s <= EXPIRES_MAX_S)
        return OK;
    return error_set(error, ERROR_INVALID, "expires_after.seconds: must be a number from %u to %u", EXPIRES_MIN_S,
                     EXPIRES_MAX_S);
}

static enum error_code take_part(struct creation *creation, const struct multipart_part *part, struct arena *arena,
                                 struct error *error)
{
    if (str_eq(part->name, STR("file"))) {
        creation->has_file = true;
        creation->bytes = part->body;
        creation->row.name = part->filename.len > 0 ? part->filename : STR("file");
        return creation->row.name.len <= FILES_NAME_MAX
                   ? OK
                   : error_set(error, ERROR_INVALID, "file: the name has more than %d bytes", FILES_NAME_MAX);
    }
    if (str_eq(part->name, STR("purpose")))
        return arena_str(arena, part->body, &creation->row.purpose) ? OK : error_no_memory(error);
    if (str_eq(part->name, STR("expires_after[seconds]")))
        return take_seconds(creation, part->body, error);
    if (str_eq(part->name, STR("expires_after[anchor]")) && !str_eq(part->body, STR("created_at")))
        return error_set(error, ERROR_INVALID, "expires_after.anchor: must be created_at");
    return OK; /* what is newer than this program */
}

static enum error_code check_creation(const struct creation *creation, struct error *error)
{
    static const char *const purposes[] = {"batch", "fine-tune", "assistants", "vision", "user_data", "evals"};
    bool is_known = false;
    if (!creation->has_file)
        return error_set(error, ERROR_INVALID, "file: required and missing");
    if (creation->row.purpose.len == 0)
        return error_set(error, ERROR_INVALID, "purpose: required and missing");
    for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++)
        is_known = is_known || str_eq(creation->row.purpose, str_of(purposes[i]));
    if (!is_known)
        return error_set(error, ERROR_INVALID, "purpose: '" STR_FMT "' is none of batch, fine-tune, assistants, "
                         "vision, user_data, evals", STR_ARG(str_slice(creation->row.purpose, 0, 64)));
    return creation->bytes.len > 0 ? OK : error_set(error, ERROR_INVALID, "file: the file is empty");
}

static enum error_code read_form(struct upload *upload, struct creation *creation)
{
    struct multipart form;
    struct multipart_part part;
    bool has_part = true;
    const struct str type = http_header_get(&upload->call->exchange->request, "content-type");
    enum error_code code = multipart_open(&form, type, upload->body, &upload->error);
    while (code == OK && has_part) {
        code = multipart_next(&form, upload->arena, &part, &has_part, &upload->error);
        if (code == OK && has_part)
            code = take_part(creation, &part, upload->arena, &upload->error);
    }
    return code == OK ? check_creation(creation, &upload->error) : code;
}

static enum error_code write_bytes(const char *path, struct str bytes, struct error *error)
{
    const int fd = io_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot make %s", path);
    enum error_code code = disk_admit(bytes.len, error);
    while (code == OK && bytes.len > 0) {
        const struct str piece = str_slice(bytes, 0, PIECE_BYTES);
        if (!io_write_all(fd, piece.data, piece.len))
            code = error_set_errno(error, errno == ENOSPC ? ERROR_UNAVAILABLE : ERROR_IO, errno, "cannot write %s",
                                   path);
        bytes = str_slice(bytes, piece.len, bytes.len);
    }
    (void)close(fd);
    if (code != OK)
        (void)unlink(path);
    return code;
}

static void run_create(struct upload *upload)
{
    struct files *files = upload->call->thread->api->files;
    struct creation *creation = ARENA_NEW(upload->arena, struct creation);
    char path[FILES_PATH_MAX];
    upload->ctx = creation;
    upload->code = creation ? read_form(upload, creation) : error_no_memory(&upload->error);
    if (upload->code != OK)
        return;
    files_new_id(creation->row.id);
    creation->row.tenant = str_of(upload->call->identity.tenant);
    if (creation->expires_s > 0)
        creation->row.expires_us = clock_wall_us() + creation->expires_s * US_PER_S;
    else if (str_eq(creation->row.purpose, STR("batch")))
        creation->row.expires_us = clock_wall_us() + 1000 * limit(files_keep_ms);
    files_spool_path(files, path);
    upload->code = write_bytes(path, creation->bytes, &upload->error);
    if (upload->code == OK)
        upload->code = files_add(files, path, &creation->row, &upload->error);
}

static void answer_create(struct upload *upload, struct buf *body)
{
    const struct creation *creation = upload->ctx;
    append_file(body, &creation->row);
}

void openai_create_file(struct api_call *call)
{
    upload_end(call->exchange, run_create, answer_create);
}

/* --- the others: one question to the store ---------------------------------------------------------------- */

struct file_call {
    struct offload offload;
    struct api_call *call;
    enum error_code (*ask)(struct file_call *asked);
    void (*answer)(struct file_call *asked);
    struct file_row row;
    struct file_filter filter;
    struct openai_page page;
    struct file_row *rows;
    size_t count;
    bool has_more;
    int fd;
    enum error_code code;
    struct error error;
};

static void run(void *ctx)
{
    struct file_call *asked = ctx;
    asked->code = asked->ask(asked);
}

static void done(void *ctx, bool is_gone)
{
    struct file_call *asked = ctx;
    if (is_gone) {
        if (asked->fd >= 0)
            (void)close(asked->fd);
        call_account(asked->call, CALL_CLIENT_GONE);
    } else if (asked->code != OK) {
        call_fail(asked->call, &asked->error);
    } else {
        asked->answer(asked);
    }
}

/* NULL: memory is out, and the call has been answered. */
static struct file_call *new_call(struct api_call *call, enum error_code (*ask)(struct file_call *asked),
                                  void (*answer)(struct file_call *asked))
{
    struct file_call *asked = CALL_NEW(call, struct file_call);
    if (!asked)
        return NULL;
    asked->call = call;
    asked->ask = ask;
    asked->answer = answer;
    asked->fd = -1;
    return asked;
}

static void ask_about(struct api_call *call, enum error_code (*ask)(struct file_call *asked),
                      void (*answer)(struct file_call *asked))
{
    struct file_call *asked = new_call(call, ask, answer);
    if (asked)
        offload_start(&asked->offload, call->exchange, run, done, asked);
}

static struct files *store_of(const struct file_call *asked)
{
    return asked->call->thread->api->files;
}

static struct str tenant_of(const struct file_call *asked)
{
    return str_of(asked->call->identity.tenant);
}

static enum error_code ask_get(struct file_call *asked)
{
    return files_get(store_of(asked), tenant_of(asked), asked->call->resource, &asked->call->exchange->arena,
                     &asked->row, &asked->error);
}

static enum error_code ask_content(struct file_call *asked)
{
    return files_read(store_of(asked), tenant_of(asked), asked->call->resource, &asked->call->exchange->arena,
                      &asked->row, &asked->fd, &asked->error);
}

static enum error_code ask_delete(struct file_call *asked)
{
    return files_delete(store_of(asked), tenant_of(asked), asked->call->resource, &asked->error);
}

static void respond(struct file_call *asked, const struct file_row *row, const char *deleted)
{
    struct buf body;
    buf_init(&body, 2 * FILES_NAME_MAX * 6 + 1024);
    if (row) {
        append_file(&body, row);
    } else {
        buf_append_text(&body, "{\"id\":");
        buf_append_json(&body, asked->call->resource);
        buf_append_text(&body, deleted);
    }
    call_respond_json(asked->call, &body);
    buf_deinit(&body);
}

static void answer_get(struct file_call *asked)
{
    respond(asked, &asked->row, NULL);
}

static void answer_delete(struct file_call *asked)
{
    respond(asked, NULL, ",\"object\":\"file\",\"deleted\":true}");
}

static void answer_content(struct file_call *asked)
{
    const int fd = asked->fd;
    asked->fd = -1;
    download_start(asked->call, fd, asked->row.bytes, "application/octet-stream");
}

void openai_get_file(struct api_call *call)
{
    ask_about(call, ask_get, answer_get);
}

void openai_delete_file(struct api_call *call)
{
    ask_about(call, ask_delete, answer_delete);
}

void openai_get_file_content(struct api_call *call)
{
    ask_about(call, ask_content, answer_content);
}

/* --- list --------------------------------------------------------------------------------------------- */

static enum error_code ask_list(struct file_call *asked)
{
    struct arena *arena = &asked->call->exchange->arena;
    struct file_filter *filter = &asked->filter;
    if (asked->page.after.len > 0) {
        const enum error_code code =
            files_get(store_of(asked), filter->tenant, asked->page.after, arena, &asked->row, &asked->error);
        if (code != OK)
            return code == ERROR_NOT_FOUND ? error_set(&asked->error, ERROR_INVALID, "after: there is no such file")
                                           : code;
        filter->beyond = asked->row.sequence;
    }
    return files_list(store_of(asked), filter, arena, &asked->rows, &asked->count, &asked->has_more, &asked->error);
}

static void answer_list(struct file_call *asked)
{
    struct buf body;
    const size_t count = asked->count;
    buf_init(&body, (asked->count + 1) * (6 * FILES_NAME_MAX + 1024));
    buf_append_text(&body, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(&body, ',');
        append_file(&body, &asked->rows[i]);
    }
    openai_append_page_end(&body, count > 0 ? asked->rows[0].id : NULL, count > 0 ? asked->rows[count - 1].id : NULL,
                           asked->has_more);
    call_respond_json(asked->call, &body);
    buf_deinit(&body);
}

void openai_list_files(struct api_call *call)
{
    struct file_call *asked = new_call(call, ask_list, answer_list);
    if (!asked)
        return;
    if (openai_page_parse(call->exchange, LIST_USUAL, LIST_MAX, &asked->page, &asked->error) != OK) {
        call_fail(call, &asked->error);
        return;
    }
    const struct str purpose = http_query_get(call->exchange, "purpose");
    const bool is_hidden = str_starts(purpose, STR("."));
    asked->filter = (struct file_filter){.tenant = tenant_of(asked),
                                         .purpose = is_hidden ? STR("?") : purpose.data ? purpose : STR(""),
                                         .is_ascending = asked->page.is_ascending,
                                         .max = asked->page.limit};
    offload_start(&asked->offload, call->exchange, run, done, asked);
}
