/* The console's page: files that lie in the program, each as it is and compressed. They carry no data and ask for no
 * login; what they show they ask of the API.
 *
 * FULCRUM_CONSOLE_DIR, for who writes the page, names a folder that is read at each request in their place. */
#include <stdlib.h>

#include "api/console/assets.h"
#include "api/console/console.h"
#include "api/console/dialect.h"
#include "api/offload.h"
#include "core/file.h"

#define FILE_MAX ((size_t)16 << 20)
#define INDEX "index.html"
#define VENDOR "vendor/"

static struct str type_of(struct str name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_ends(name, str_of(types[i].ending)))
            return str_of(types[i].type);
    return STR("text/plain; charset=utf-8");
}

static void add_headers(struct api_call *call)
{
    call_add_header(call, "content-security-policy",
                    STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
    call_add_header(call, "x-content-type-options", STR("nosniff"));
    call_add_header(call, "referrer-policy", STR("no-referrer"));
    call_add_header(call, "cross-origin-opener-policy", STR("same-origin"));
}

/* --- from the program ------------------------------------------------------------------------------- */

static const struct console_asset *find_asset(struct str name)
{
    for (size_t i = 0; i < console_asset_count; i++)
        if (str_eq(name, str_of(console_assets[i].name)))
            return &console_assets[i];
    return NULL;
}

/* Whether Accept-Encoding names the coding, and not with q=0. */
static bool accepts(struct str header, struct str coding)
{
    struct str item, name, quality;
    while (str_split(&header, ',', &item)) {
        if (!str_split(&item, ';', &name) || !str_eq_nocase(str_trim(name), coding))
            continue;
        quality = str_trim(item.data ? item : STR(""));
        return !str_starts(quality, STR("q=0")) || str_find(quality, STR("."), 0) > 0;
    }
    return false;
}

static enum console_coding coding_for(const struct http_request *request)
{
    const struct str accepted = http_header_get(request, "accept-encoding");
    if (accepts(accepted, STR("br")))
        return CODING_BROTLI;
    return accepts(accepted, STR("gzip")) ? CODING_GZIP : CODING_PLAIN;
}

static void respond_asset(struct api_call *call, const struct console_asset *asset)
{
    static const char *const names[CODINGS] = {[CODING_GZIP] = "gzip", [CODING_BROTLI] = "br"};
    const struct http_request *request = &call->exchange->request;
    const enum console_coding coding = coding_for(request);
    const struct console_form *form = &asset->forms[coding];
    const struct str tag = arena_printf(&call->exchange->arena, "\"%s%s%s\"", asset->tag, names[coding] ? "-" : "",
                                        names[coding] ? names[coding] : "");
    const struct str known = http_header_get(request, "if-none-match");
    add_headers(call);
    call_add_header(call, "cache-control", STR("no-cache")); /* kept, and asked for again by its tag */
    call_add_header(call, "vary", STR("accept-encoding"));
    if (tag.data)
        call_add_header(call, "etag", tag);
    if (tag.data && known.data && str_find(known, tag, 0) >= 0) {
        call_respond(call, 304, type_of(str_of(asset->name)), STR(""));
        return;
    }
    if (names[coding])
        call_add_header(call, "content-encoding", str_of(names[coding]));
    call_respond(call, 200, type_of(str_of(asset->name)), (struct str){form->data, form->len});
}

/* --- from a folder ---------------------------------------------------------------------------------- */

struct file_call {
    struct api_call *call;
    struct str name;
    struct str path; /* with a NUL behind it */
    struct buf content;
    enum error_code code;
    struct error error;
    struct offload offload;
};

static void read_file(void *ctx)
{
    struct file_call *file = ctx;
    file->code = file_read(file->path.data, &file->content, &file->error);
}

static void on_read(void *ctx, bool is_gone)
{
    struct file_call *file = ctx;
    struct buf content = file->content;
    if (is_gone) {
        call_account(file->call, CALL_CLIENT_GONE);
    } else if (file->code != OK) {
        call_refuse(file->call, 404, "The console has no such file.", NULL);
    } else {
        add_headers(file->call);
        call_add_header(file->call, "cache-control", STR("no-store"));
        call_respond(file->call, 200, type_of(file->name), buf_str(&content));
    }
    buf_deinit(&content);
}

/* No part of the name leads out of the folder, or to a hidden file. */
static bool is_plain_name(struct str name)
{
    struct str part;
    while (str_split(&name, '/', &part))
        if (part.len == 0 || part.data[0] == '.' || memchr(part.data, '\0', part.len))
            return false;
    return true;
}

static void respond_file(struct api_call *call, const char *folder, struct str name)
{
    struct error error;
    struct file_call *file = ARENA_NEW(&call->exchange->arena, struct file_call);
    const struct str path =
        is_plain_name(name) ? arena_printf(&call->exchange->arena, "%s/" STR_FMT, folder, STR_ARG(name)) : STR("");
    if (!file || !path.data) {
        (void)error_no_memory(&error);
        call_fail(call, &error);
        return;
    }
    if (path.len == 0) {
        call_refuse(call, 404, "The console has no such file.", NULL);
        return;
    }
    *file = (struct file_call){.call = call, .name = name, .path = path};
    buf_init(&file->content, FILE_MAX);
    offload_start(&file->offload, call->exchange, read_file, on_read, file);
}

/* --- operations ------------------------------------------------------------------------------------- */

static void respond_name(struct api_call *call, struct str name)
{
    const char *folder = getenv("FULCRUM_CONSOLE_DIR");
    const struct console_asset *asset = find_asset(name);
    if (folder && *folder && !str_starts(name, STR(VENDOR)))
        respond_file(call, folder, name);
    else if (asset)
        respond_asset(call, asset);
    else
        call_refuse(call, 404, "The console has no such file.", NULL);
}

static void get_index(struct api_call *call)
{
    respond_name(call, STR(INDEX));
}

static void get_file(struct api_call *call)
{
    respond_name(call, call->resource);
}

static const struct api_operation rows[] = {
    {"GET", "/console", "GetConsole", .handle = get_index, .is_open = true},
    {"GET", "/console/", "GetConsole", .handle = get_index, .is_open = true},
    {"GET", "/console/login", "Login", .handle = console_login, .is_open = true},
    {"GET", "/console/{file}", "GetConsoleFile", .handle = get_file, .is_open = true},
};

const struct operations_table console_pages = {
    .dialect = &console_dialect, .prefix = "/console/", .rows = rows, .count = sizeof(rows) / sizeof(rows[0])};
