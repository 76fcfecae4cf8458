/* report_fetch.c - see report_fetch.h. What a report says is reconcile/report.h's. */
#include "cmd/report_fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/util.h"
#include "upstream/retry.h"

#define URL_BYTES_MAX 8192
#define CONNECT_TIMEOUT_S 10L
#define SILENCE_S 60L /* with less than a byte a second the address counts as dead */
#define TRIES 6
#define WAIT_MAX_MS 120000
#define SHOWN_BYTES 300
#define SECOND_US UINT64_C(1000000)

struct session {
    const struct report_fetch *fetch;
    CURL *curl;
    struct curl_slist *headers;
    const char *key; /* NULL: the address needs none */
    struct buf text; /* what came last */
    FILE *file;      /* where a bill goes instead; NULL: into `text` */
};

bool report_is_address(const char *where)
{
    return !strncmp(where, "http://", 7) || !strncmp(where, "https://", 8);
}

/* For messages: a query may hold what lets its reader in. */
static struct str shown(const char *url)
{
    return str_slice(str_of(url), 0, strcspn(url, "?"));
}

/* --- who asks ---------------------------------------------------------------------------------------- */

static bool append_header(struct session *session, const char *text)
{
    struct curl_slist *more = curl_slist_append(session->headers, text);
    if (more)
        session->headers = more;
    return more != NULL;
}

/* The key stands in a header and nowhere else. */
static enum error_code add_key(struct session *session, struct error *error)
{
    const bool is_openai = session->fetch->reader->kind == REPORT_OPENAI;
    const char *usual = is_openai ? "OPENAI_ADMIN_KEY" : "ANTHROPIC_ADMIN_KEY";
    const char *name = session->fetch->key_env ? session->fetch->key_env : usual;
    struct buf header;
    session->key = getenv(name);
    if (!session->key || !*session->key || strpbrk(session->key, "\r\n"))
        return error_set(error, ERROR_INVALID, "%s: expected the provider's key for administrators in the environment",
                         name);
    buf_init(&header, URL_BYTES_MAX);
    buf_appendf(&header, is_openai ? "authorization: Bearer %s" : "x-api-key: %s", session->key);
    buf_append_char(&header, '\0');
    const bool is_made = !header.failed && append_header(session, header.data) &&
                         (is_openai || append_header(session, "anthropic-version: 2023-06-01"));
    buf_deinit(&header);
    return is_made ? OK : error_no_memory(error);
}

static bool is_this_machine(const char *host)
{
    return host && (!strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]"));
}

/* A key goes over TLS, or nowhere. */
static enum error_code check_address(const char *url, struct error *error)
{
    char *host = NULL;
    CURLU *parts = curl_url();
    const bool is_url = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    const bool is_safe = is_url && (!strncmp(url, "https://", 8) || is_this_machine(host));
    curl_free(host);
    curl_url_cleanup(parts);
    if (!is_url)
        return error_set(error, ERROR_INVALID, STR_FMT ": expected an address", STR_ARG(shown(url)));
    if (!is_safe)
        return error_set(error, ERROR_INVALID, STR_FMT ": expected https://, for the key goes with it",
                         STR_ARG(shown(url)));
    return OK;
}

/* --- one page ---------------------------------------------------------------------------------------- */

static size_t take(char *data, size_t size, size_t count, void *ctx)
{
    struct session *session = ctx;
    if (session->file)
        return fwrite(data, size, count, session->file) * size;
    return buf_append(&session->text, data, size * count) ? size * count : 0;
}

static struct str header_of(CURL *curl, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? str_of(header->value)
                                                                                 : (struct str){NULL, 0};
}

/* Milliseconds until the next try; 0: there is none. */
static uint64_t pause_of(const struct session *session, CURLcode result, long status, unsigned try)
{
    const bool may_pass = result != CURLE_OK || status == 429 || status >= 500;
    if (!may_pass || try == TRIES || result == CURLE_WRITE_ERROR)
        return 0;
    const struct retry_words words =
        retry_read(header_of(session->curl, "retry-after"), header_of(session->curl, "retry-after-ms"),
                   header_of(session->curl, "x-should-retry"), clock_wall_us() / SECOND_US);
    if (words.has_should && !words.should)
        return 0;
    const uint64_t wait = words.has_wait ? words.wait_ms : retry_pause_ms(try, 0);
    return wait > WAIT_MAX_MS ? 0 : wait + 1;
}

static void begin_page(struct session *session)
{
    buf_clear(&session->text);
    if (session->file) {
        rewind(session->file);
        (void)!ftruncate(fileno(session->file), 0);
    }
}

static enum error_code refuse(struct session *session, const char *url, CURLcode result, long status,
                              struct error *error)
{
    struct str said = buf_str(&session->text);
    if (result == CURLE_WRITE_ERROR)
        return error_set(error, ERROR_TOO_LARGE, STR_FMT ": a page has more than %u bytes, or the disk is full",
                         STR_ARG(shown(url)), LIMIT_RECONCILE_PAGE_BYTES);
    if (result != CURLE_OK)
        return error_set(error, ERROR_UNAVAILABLE, STR_FMT ": %s", STR_ARG(shown(url)), curl_easy_strerror(result));
    if (session->key && str_find(said, str_of(session->key), 0) >= 0)
        said = STR("(left out: it holds the key)");
    return error_set(error, ERROR_UNAVAILABLE, STR_FMT ": HTTP %ld: " STR_FMT, STR_ARG(shown(url)), status,
                     STR_ARG(str_slice(said, 0, SHOWN_BYTES)));
}

static enum error_code get(struct session *session, const char *url, struct error *error)
{
    curl_easy_setopt(session->curl, CURLOPT_URL, url);
    for (unsigned try = 1;; try++) {
        long status = 0;
        begin_page(session);
        const CURLcode result = curl_easy_perform(session->curl);
        (void)curl_easy_getinfo(session->curl, CURLINFO_RESPONSE_CODE, &status);
        if (result == CURLE_OK && status == 200)
            return OK;
        const uint64_t pause = pause_of(session, result, status, try);
        if (pause == 0)
            return refuse(session, url, result, status, error);
        usleep((useconds_t)(pause * 1000));
    }
}

/* --- all pages --------------------------------------------------------------------------------------- */

static bool append_parameter(CURL *curl, struct buf *url, const char *name, struct str value)
{
    char *escaped = curl_easy_escape(curl, value.data, (int)value.len);
    const bool has_query = url->len > 0 && memchr(url->data, '?', url->len);
    const bool is_made = escaped && buf_appendf(url, "%c%s=%s", has_query ? '&' : '?', name, escaped);
    curl_free(escaped);
    return is_made;
}

/* What an address asks for that says nothing itself. */
static void append_query(struct session *session, struct buf *url)
{
    static const char *const usage_groups[][3] = {{"model", "batch", "service_tier"}, {"model", "service_tier"}};
    static const char *const cost_groups[] = {"line_item", "description"};
    const struct report_fetch *fetch = session->fetch;
    const bool is_openai = fetch->reader->kind == REPORT_OPENAI;
    const bool is_cost = str_find(buf_str(url), STR("cost"), 0) >= 0;
    const char *const names[2] = {is_openai ? "start_time" : "starting_at", is_openai ? "end_time" : "ending_at"};
    const uint64_t times[2] = {fetch->from_us, fetch->to_us};
    char text[TIMESTAMP_LEN + 1];
    for (size_t i = 0; i < 2 && times[i]; i++) {
        if (is_openai)
            (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)(times[i] / SECOND_US));
        else
            clock_iso8601(times[i], text);
        append_parameter(session->curl, url, names[i], str_of(text));
    }
    append_parameter(session->curl, url, "bucket_width", fetch->is_hourly && !is_cost ? STR("1h") : STR("1d"));
    append_parameter(session->curl, url, "limit", fetch->is_hourly && !is_cost ? STR("168") : STR("31"));
    if (is_cost)
        append_parameter(session->curl, url, "group_by[]", str_of(cost_groups[!is_openai]));
    for (size_t i = 0; i < 3 && !is_cost && usage_groups[!is_openai][i]; i++)
        append_parameter(session->curl, url, "group_by[]", str_of(usage_groups[!is_openai][i]));
    if (fetch->reader->filter.project.len > 0)
        append_parameter(session->curl, url, "group_by[]", is_openai ? STR("project_id") : STR("workspace_id"));
    if (fetch->reader->filter.key.len > 0)
        append_parameter(session->curl, url, "group_by[]", STR("api_key_id"));
}

static enum error_code make_url(struct session *session, const char *url, struct buf *made, struct error *error)
{
    buf_append_text(made, url);
    if (!strchr(url, '?')) {
        if (!session->fetch->from_us)
            return error_set(error, ERROR_INVALID, "--from: expected the time that is to be asked for, for the address "
                                                   "has no query");
        append_query(session, made);
    }
    if (made->failed)
        return error_set(error, ERROR_INVALID, STR_FMT ": the address is too long", STR_ARG(shown(url)));
    return OK;
}

static enum error_code read_page(struct session *session, char next[URL_BYTES_MAX], struct error *error)
{
    yyjson_doc *doc;
    struct str page;
    enum error_code code = json_parse_exact(buf_str(&session->text), &doc, error);
    if (code != OK)
        return code;
    code = report_read_json(session->fetch->reader, yyjson_doc_get_root(doc), &page, error);
    if (code == OK && page.len >= URL_BYTES_MAX)
        code = error_set(error, ERROR_INVALID, "next_page: it is too long");
    (void)snprintf(next, URL_BYTES_MAX, STR_FMT, STR_ARG(str_slice(page, 0, URL_BYTES_MAX - 1)));
    json_free(doc);
    return code;
}

static enum error_code get_pages(struct session *session, const struct buf *url, struct error *error)
{
    char next[URL_BYTES_MAX] = "";
    struct buf page;
    enum error_code code = OK;
    buf_init(&page, 4 * URL_BYTES_MAX);
    for (size_t i = 0; code == OK && (i == 0 || next[0]); i++) {
        buf_clear(&page);
        buf_append_str(&page, buf_str(url));
        if (next[0])
            append_parameter(session->curl, &page, "page", str_of(next));
        if (i == LIMIT_RECONCILE_PAGES || !buf_append_char(&page, '\0'))
            code = error_set(error, ERROR_TOO_LARGE, "more than %d pages", LIMIT_RECONCILE_PAGES);
        if (code == OK)
            code = get(session, page.data, error);
        if (code == OK && read_page(session, next, error) != OK)
            code = error_prefix(error, STR_FMT, STR_ARG(shown(page.data)));
    }
    buf_deinit(&page);
    return code;
}

/* A bill lies in a bucket and may be larger than memory; its address has the credentials in itself. */
static enum error_code get_bill(struct session *session, const char *url, struct error *error)
{
    session->file = tmpfile();
    if (!session->file)
        return error_set(error, ERROR_IO, "a file for the bill can't be made");
    enum error_code code = get(session, url, error);
    int fd = -1;
    if (code == OK && (fflush(session->file) || (fd = dup(fileno(session->file))) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        code = error_set(error, ERROR_IO, "the bill can't be kept");
    if (code == OK)
        code = report_read_open(session->fetch->reader, fd, "the bill", error);
    (void)fclose(session->file);
    return code;
}

static enum error_code get_reports(struct session *session, const char *url, struct error *error)
{
    struct buf made;
    enum error_code code = check_address(url, error);
    if (code == OK)
        code = add_key(session, error);
    if (code != OK)
        return code;
    curl_easy_setopt(session->curl, CURLOPT_HTTPHEADER, session->headers);
    buf_init(&made, URL_BYTES_MAX);
    code = make_url(session, url, &made, error);
    if (code == OK)
        code = get_pages(session, &made, error);
    buf_deinit(&made);
    return code;
}

enum error_code report_fetch(const struct report_fetch *fetch, const char *url, struct error *error)
{
    struct session session = {.fetch = fetch, .curl = curl_easy_init()};
    if (!session.curl)
        return error_no_memory(error);
    buf_init(&session.text, LIMIT_RECONCILE_PAGE_BYTES);
    curl_easy_setopt(session.curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(session.curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(session.curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(session.curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(session.curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
    curl_easy_setopt(session.curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(session.curl, CURLOPT_WRITEDATA, &session);
    const enum error_code code = fetch->reader->kind == REPORT_BEDROCK_CUR ? get_bill(&session, url, error)
                                                                           : get_reports(&session, url, error);
    buf_deinit(&session.text);
    curl_easy_cleanup(session.curl);
    curl_slist_free_all(session.headers);
    return code;
}
