/* relay.c - the course of each part at its provider: one request at a time, on the runner's loop. See relay.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/files.h"
#include "batch/relay_parts.h"
#include "core/io.h"
#include "core/log.h"
#include "keys/keys.h"
#include "keys/tally.h"

#define REPLY_BYTES_MAX ((size_t)8 << 20)
#define HEAD_BYTES_MAX ((size_t)65536)
#define LIST_PAGES_MAX 20u
#define SKEW_US 600000000u      /* between the provider's clock and ours */
#define STOP_PATIENCE_US 600000000u
#define RETRY_FIRST_US 1000000u

bool relay_may(const struct active *active, const struct job_model *model)
{
    const struct work_shared *work = active->runner->options->work;
    const bool is_plain = model->is_found && !model->model.is_router && !model->model.embed;
    if (!is_plain || !work || !work->upstreams || work->others.router)
        return false;
    const struct upstream_config *upstream = model->model.match.model->upstream;
    return upstream && provider_has_batches(upstream->kind) && upstream_sells_batch(upstream);
}

/* --- entries --------------------------------------------------------------------------------------------------- */

void relay_reset_entries(struct relay_part *part, enum relay_place place)
{
    const uint64_t total = part->relay->active->job.counts.total;
    for (uint64_t i = 0; i < total; i++) {
        struct relay_entry *entry = &part->relay->entries[i];
        if (entry->part == part->number + 1)
            *entry = (struct relay_entry){.part = place == RELAY_NONE ? 0 : entry->part, .place = (uint8_t)place};
    }
    part->at = part->found = 0;
}

enum error_code relay_take_line(void *ctx, const struct line *line, struct error *error)
{
    struct relay_part *part = ctx;
    struct relay *relay = part->relay;
    struct provider_result result;
    yyjson_doc *doc = NULL;
    enum error_code code = line->is_too_long ? ERROR_INVALID : json_parse_exact(line->text, &doc, error);
    struct relay_entry *entry = NULL;
    if (code == OK &&
        provider_read_result(part->upstream->config->kind, yyjson_doc_get_root(doc), relay->active->job.id, &result) &&
        result.number < relay->active->job.counts.total)
        entry = &relay->entries[result.number];
    if (entry && entry->part == part->number + 1 && entry->place == RELAY_AWAY) {
        static const enum relay_place places[] = {
            [PROVIDER_SUCCEEDED] = RELAY_BACK, [PROVIDER_REFUSED] = RELAY_REFUSED, [PROVIDER_UNDONE] = RELAY_AWAY};
        entry->place = (uint8_t)places[result.fate];
        entry->offset = part->at;
        entry->len = (uint32_t)line->text.len;
        part->found++;
    }
    json_free(doc);
    if (code == ERROR_NO_MEMORY)
        return code;
    code = OK;
    if (part->state != RELAY_FETCHED) { /* it has just come */
        code = file_write(part->results_fd, line->text.data, line->text.len, "the provider's results", error);
        if (code == OK)
            code = file_write(part->results_fd, "\n", 1, "the provider's results", error);
    }
    part->at += line->text.len + 1;
    return code;
}

void relay_close_results(struct relay_part *part)
{
    const uint64_t total = part->relay->active->job.counts.total;
    for (uint64_t i = 0; i < total; i++) {
        struct relay_entry *entry = &part->relay->entries[i];
        if (entry->part == part->number + 1 && entry->place == RELAY_AWAY)
            entry->place = RELAY_NONE;
    }
    part->relay->has_news = true;
}

enum relay_place relay_place_of(const struct relay *relay, uint64_t number)
{
    return (enum relay_place)relay->entries[number].place;
}

enum error_code relay_read(struct relay *relay, uint64_t number, struct buf *out, struct error *error)
{
    const struct relay_entry *entry = &relay->entries[number];
    struct relay_part *part = &relay->parts[entry->part - 1];
    struct provider_result result;
    struct buf line;
    yyjson_doc *doc = NULL;
    buf_init(&line, entry->len + 1);
    enum error_code code = buf_reserve(&line, entry->len) ? OK : error_no_memory(error);
    if (code == OK)
        code = file_read_at(part->results_fd, line.data, entry->len, entry->offset, "the provider's results", error);
    line.len = code == OK ? entry->len : 0;
    if (code == OK)
        code = json_parse_exact(buf_str(&line), &doc, error);
    if (code == OK && !provider_read_result(part->upstream->config->kind, yyjson_doc_get_root(doc),
                                            relay->active->job.id, &result))
        code = error_set(error, ERROR_INTERNAL, "a result that came from the provider cannot be read again");
    if (code == OK && result.fate == PROVIDER_SUCCEEDED)
        (void)json_append(out, result.body);
    else if (code == OK)
        (void)buf_append_str(out, result.message);
    if (code == OK && out->failed)
        code = error_no_memory(error);
    json_free(doc);
    buf_deinit(&line);
    return code;
}

/* --- a part's states ----------------------------------------------------------------------------------- */

static enum upstream_kind kind_of(const struct relay_part *part)
{
    return part->upstream->config->kind;
}

static bool is_done(const struct relay_part *part)
{
    return !part->is_unnoted && (part->state == RELAY_FETCHED || part->state == RELAY_GIVEN_UP);
}

static void wait_for(struct relay_part *part, uint64_t us)
{
    part->next_us = clock_now_us() + us;
}

/* Ever longer, up to the longest. */
static void wait_longer(struct relay_part *part, uint64_t first_us)
{
    const uint64_t most = 1000 * limit(batch_relay_poll_max_ms);
    part->pause_us = part->pause_us < first_us ? first_us : part->pause_us + part->pause_us / 2;
    if (part->pause_us > most)
        part->pause_us = most;
    wait_for(part, part->pause_us);
}

static void enter(struct relay_part *part, enum relay_state state)
{
    struct error error;
    part->state = state;
    part->pause_us = 0;
    part->next_us = 0;
    log_event(LOG_INFO, "batch part at its provider", LOG_C("job", part->relay->active->job.id),
              LOG_I("part", part->number), LOG_C("upstream", part->upstream->config->name),
              LOG_C("state", relay_state_names[state]), LOG_C("id", part->id), LOG_I("records", part->records));
    if (relay_note(part, &error) != OK)
        log_event(LOG_ERROR, "batch part cannot be noted", LOG_C("error", error.message));
}

static void give_up(struct relay_part *part, const char *why)
{
    log_event(LOG_WARN, "batch part is not taken by its provider", LOG_C("job", part->relay->active->job.id),
              LOG_I("part", part->number), LOG_C("upstream", part->upstream->config->name), LOG_C("reason", why));
    relay_reset_entries(part, RELAY_NONE);
    part->relay->has_news = true;
    enter(part, RELAY_GIVEN_UP);
}

/* --- budgets --------------------------------------------------------------------------------------------- */

/* A token has a byte at least. */
static uint64_t bound_of(const struct relay_part *part)
{
    static const enum price_class classes[] = {PRICE_INPUT, PRICE_CACHE_WRITE_5M, PRICE_CACHE_WRITE_1H};
    const struct batch_options *options = part->relay->active->runner->options;
    const struct catalog_match *match = &part->model->model.match;
    const struct price_row *row = price_book_row_of(options->prices, match->model->price, match->id, match->place);
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        struct price_usage usage = {.tokens[PRICE_OUTPUT] = part->reply_tokens};
        usage.tokens[classes[i]] = part->bytes;
        const uint64_t cost = price_cost(row, tier_price(TIER_BATCH), &usage);
        most = cost > most ? cost : most;
    }
    return most;
}

/* All that the part may cost, before the provider has it: budgets hold for batches as for requests. What is there since
 * before a restart is owed. */
static enum error_code reserve(struct relay_part *part, struct error *error)
{
    const struct batch_job *job = &part->relay->active->job;
    struct keys *keys = part->relay->active->runner->options->work->keys;
    struct arena *arena = &part->relay->arena;
    const bool is_there = part->state == RELAY_CREATING || part->state == RELAY_CREATED;
    struct subject *subjects;
    struct str tags;
    size_t count;
    if (!keys || part->has_reserved || accounts_are_none(keys_accounts(keys)))
        return OK;
    enum error_code code = keys_tags(keys, job->key, job->profile_tags, NULL, 0, arena, &tags, error);
    if (code == OK)
        code = tally_subjects(job->tenant, job->key, tags, arena, &subjects, &count, error);
    if (code != OK)
        return code;
    code = (is_there ? accounts_owe : accounts_reserve_whole)(keys_accounts(keys), subjects, count, bound_of(part),
                                                              clock_wall_us(), arena, &part->spending, error);
    part->has_reserved = code == OK;
    return code;
}

static void release(struct relay_part *part)
{
    struct keys *keys = part->relay->active->runner->options->work->keys;
    if (keys && part->spending.count > 0)
        accounts_settle(keys_accounts(keys), &part->spending, 0, clock_wall_us(), clock_wall_us());
}

/* --- requests ------------------------------------------------------------------------------------------ */

static void drop_ask(struct relay_part *part)
{
    if (part->transfer)
        transfer_end(part->transfer);
    part->transfer = NULL;
    part->ask = ASK_NOTHING;
    if (part->map)
        (void)munmap(part->map, part->map_len);
    part->map = NULL;
    if (part->has_lines)
        line_reader_deinit(&part->lines);
    part->has_lines = false;
    buf_deinit(&part->reply);
    buf_deinit(&part->head);
    arena_reset(&part->arena);
}

static void on_head(void *ctx, const struct transfer_head *head)
{
    struct relay_part *part = ctx;
    part->status = head->status;
    (void)buf_append_str(&part->head, head->lines);
}

static bool is_good(const struct relay_part *part)
{
    return part->status >= 200 && part->status < 300;
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct relay_part *part = ctx;
    struct error error;
    if (part->ask == ASK_RESULTS && is_good(part)) {
        if (!part->reply.failed && line_reader_feed(&part->lines, bytes, &error) != OK)
            part->reply.failed = true; /* the disk is full, or memory is out: it is fetched again */
        return;
    }
    (void)buf_append_str(&part->reply, bytes);
}

static void on_done(void *ctx, enum transfer_fault fault, const char *what);

static void start(struct relay_part *part, enum relay_ask ask, enum provider_path path, const char *id, struct str body,
                  const char *type)
{
    static const struct transfer_events events = {on_head, on_bytes, on_done};
    char text[PROVIDER_PATH_MAX];
    struct transfer_request request;
    struct error error;
    const struct wire_ask where = {.use = WIRE_PATH, .path = text, .content_type = type, .body = body};
    provider_path_of(kind_of(part), path, id, text);
    buf_init(&part->reply, REPLY_BYTES_MAX);
    buf_init(&part->head, HEAD_BYTES_MAX);
    part->status = 0;
    part->ask = ask;
    enum error_code code = wire_write(&part->upstream->replicas[0], &where, &part->arena, &request, &error);
    request.is_once = ask == ASK_CREATE;
    struct transport *transport = runner_transport(part->relay->active->runner);
    if (code == OK && transport)
        part->transfer = transfer_start(transport, &request, &events, part, &error);
    if (part->transfer)
        return;
    drop_ask(part);
    wait_longer(part, RETRY_FIRST_US);
}

/* The part's own file, mapped: as large as it is, it costs no memory. */
static bool map_body(struct relay_part *part, struct str *body)
{
    char path[RELAY_PATH_MAX];
    struct stat info;
    struct error error;
    int fd = -1;
    void *map = MAP_FAILED;
    if (relay_path(part, "body", path, &error) == OK && file_open(path, O_RDONLY, &fd, &error) == OK &&
        fstat(fd, &info) == 0 && info.st_size > 0)
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        (void)close(fd);
    if (map == MAP_FAILED)
        return false;
    part->map = map;
    part->map_len = (size_t)info.st_size;
    *body = (struct str){map, part->map_len};
    return true;
}

static void send_body(struct relay_part *part, enum relay_ask ask, enum provider_path path, const char *type)
{
    struct str body;
    if (map_body(part, &body))
        start(part, ask, path, "", body, type);
    else
        wait_longer(part, RETRY_FIRST_US);
}

static void key_of(const struct relay_part *part, char key[PROVIDER_KEY_MAX])
{
    (void)snprintf(key, PROVIDER_KEY_MAX, "%s-%u", part->relay->active->job.id, part->number);
}

/* Before the provider is asked the log says that it is: then whoever comes after a kill looks first. */
static void ask_create(struct relay_part *part)
{
    char key[PROVIDER_KEY_MAX];
    struct buf text;
    struct str body;
    if (part->state != RELAY_CREATING) {
        part->creating_us = clock_wall_us();
        enter(part, RELAY_CREATING);
    }
    if (part->is_unnoted)
        return;
    if (part->must_look) {
        start(part, ASK_LIST, PROVIDER_LIST, part->after, (struct str){NULL, 0}, NULL);
        return;
    }
    if (!provider_uploads(kind_of(part))) {
        send_body(part, ASK_CREATE, PROVIDER_CREATE, "application/json");
        return;
    }
    key_of(part, key);
    buf_init(&text, 4096);
    provider_append_create(&text, part->file, key);
    const bool is_kept = !text.failed && arena_str(&part->arena, buf_str(&text), &body);
    buf_deinit(&text);
    if (is_kept)
        start(part, ASK_CREATE, PROVIDER_CREATE, "", body, "application/json");
}

static void ask_results(struct relay_part *part)
{
    char path[RELAY_PATH_MAX];
    struct error error;
    const bool is_first = part->fetching == 0 || !part->batch.files[0][0];
    if (part->results_fd < 0 &&
        (relay_path(part, "results", path, &error) != OK ||
         file_open(path, O_RDWR | O_CREAT | O_APPEND, &part->results_fd, &error) != OK)) {
        wait_longer(part, RETRY_FIRST_US);
        return;
    }
    if (is_first) {
        relay_reset_entries(part, RELAY_AWAY);
        if (ftruncate(part->results_fd, 0)) {
            wait_longer(part, RETRY_FIRST_US);
            return;
        }
    }
    line_reader_init(&part->lines, limit(upstream_reply_bytes), relay_take_line, part);
    part->has_lines = true;
    const char *id = provider_uploads(kind_of(part)) ? part->batch.files[part->fetching] : part->id;
    start(part, ASK_RESULTS, PROVIDER_RESULTS, id, (struct str){NULL, 0}, NULL);
}

/* --- what the provider says ---------------------------------------------------------------------------- */

static bool is_other(const struct relay_part *part, const char *id)
{
    for (size_t i = 0; i < part->other_count; i++)
        if (!strcmp(part->others[i], id))
            return true;
    for (size_t i = 0; i < part->relay->part_count; i++)
        if (part->relay->parts[i].id[0] && !strcmp(part->relay->parts[i].id, id))
            return true;
    return false;
}

/* By its key, or by its size and time where batches carry none. */
static bool is_own(const struct relay_part *part, const struct provider_batch *batch)
{
    char key[PROVIDER_KEY_MAX];
    key_of(part, key);
    if (is_other(part, batch->id))
        return false;
    if (provider_uploads(kind_of(part)))
        return !strcmp(batch->key, key);
    return batch->total == part->records && batch->created_s * 1000000 + SKEW_US >= part->creating_us;
}

static void created(struct relay_part *part, const struct provider_batch *batch)
{
    memcpy(part->id, batch->id, sizeof(part->id));
    part->must_look = false;
    enter(part, RELAY_CREATED);
    wait_longer(part, 1000 * limit(batch_relay_poll_ms));
}

/* Batches come newest first: one from before the part was to be made ends the search. */
static void listed(struct relay_part *part, yyjson_val *root)
{
    size_t i, max;
    yyjson_val *item;
    bool is_past = false;
    struct provider_batch batch;
    json_arr_foreach(yyjson_obj_get(root, "data"), i, max, item)
    {
        if (!provider_read_batch(kind_of(part), item, &batch))
            continue;
        if (is_own(part, &batch)) {
            created(part, &batch);
            return;
        }
        (void)snprintf(part->after, sizeof(part->after), "%s", batch.id);
        is_past = batch.created_s > 0 && batch.created_s * 1000000 + SKEW_US < part->creating_us;
    }
    const bool has_more = yyjson_is_true(yyjson_obj_get(root,
                                                        "has_more")) && !is_past && ++part->pages < LIST_PAGES_MAX;
    if (has_more)
        return;
    part->must_look = false;
    part->pages = 0;
    part->after[0] = '\0';
}

static void looked_at(struct relay_part *part, const struct provider_batch *batch)
{
    if (!batch->has_ended) {
        wait_longer(part, 1000 * limit(batch_relay_poll_ms));
        return;
    }
    part->batch = *batch;
    part->fetching = provider_uploads(kind_of(part)) && !batch->files[0][0] ? 1 : 0;
    if (batch->has_results)
        ask_results(part);
    else if (part->relay->is_stopping || part->is_cancelled) {
        relay_close_results(part);
        enter(part, RELAY_FETCHED);
    } else
        give_up(part, "it ended without results");
}

/* A batch that only looked like the part's own: the search goes on. */
static void reject(struct relay_part *part)
{
    if (part->other_count < RELAY_REFUSED_MAX)
        memcpy(part->others[part->other_count++], part->id, sizeof(part->id));
    part->id[0] = '\0';
    part->must_look = true;
    relay_reset_entries(part, RELAY_AWAY);
    enter(part, RELAY_CREATING);
}

static void fetched(struct relay_part *part)
{
    if (part->fetching == 0 && part->batch.files[1][0]) {
        part->fetching = 1;
        ask_results(part);
        return;
    }
    if (part->found == 0 && part->records > 0) {
        reject(part);
        return;
    }
    if (io_fsync(part->results_fd)) {
        wait_longer(part, RETRY_FIRST_US);
        return;
    }
    enter(part, RELAY_FETCHED);
    relay_close_results(part);
}

/* What a good reply means; `ask` is over. */
static void take_reply(struct relay_part *part, enum relay_ask ask, yyjson_val *root)
{
    struct provider_batch batch;
    const bool is_batch = provider_read_batch(kind_of(part), root, &batch);
    part->pause_us = 0;
    if (ask == ASK_LIST)
        listed(part, root);
    else if (!is_batch)
        wait_longer(part, RETRY_FIRST_US);
    else if (ask == ASK_UPLOAD) {
        memcpy(part->file, batch.id, sizeof(part->file));
        enter(part, RELAY_UPLOADED);
    } else if (ask == ASK_CREATE)
        created(part, &batch);
    else if (ask == ASK_CANCEL)
        part->is_cancelled = true;
    else
        looked_at(part, &batch);
}

static bool may_pass(long status)
{
    return status == 401 || status == 403 || status == 408 || status == 409 || status == 425 || status == 429 ||
           status >= 500 || status < 200;
}

/* It comes again, later: a request that may have been done all the same is looked for first. */
static void try_later(struct relay_part *part, enum relay_ask ask, long status, uint64_t retry_s)
{
    if (ask == ASK_CREATE && status != 401 && status != 403 && status != 429)
        part->must_look = true;
    wait_longer(part, RETRY_FIRST_US);
    if (retry_s > 0 && retry_s < 3600)
        wait_for(part, retry_s * 1000000);
}

static void refused(struct relay_part *part, enum relay_ask ask, const char *why)
{
    if (ask == ASK_CANCEL)
        part->is_cancelled = true; /* it has ended already */
    else if (ask == ASK_RESULTS)
        wait_longer(part, RETRY_FIRST_US);
    else
        give_up(part, why);
}

static void on_done(void *ctx, enum transfer_fault fault, const char *what)
{
    struct relay_part *part = ctx;
    const enum relay_ask ask = part->ask;
    const long status = fault == TRANSFER_DONE ? part->status : 0;
    struct error error;
    yyjson_doc *doc = NULL;
    char why[256];
    uint64_t retry_s = 0;
    bool is_whole = fault == TRANSFER_DONE && is_good(part) && !part->reply.failed;
    const struct transfer_head head = {part->status, buf_str(&part->head)};
    (void)str_to_u64(transfer_header(&head, "retry-after"), &retry_s);
    if (is_whole && ask == ASK_RESULTS)
        is_whole = line_reader_end(&part->lines, &error) == OK;
    else if (is_whole)
        is_whole = json_parse(buf_str(&part->reply), &doc, &error) == OK;
    (void)snprintf(why, sizeof(why), "%s, status %ld", fault == TRANSFER_DONE ? "answered" : what, part->status);
    drop_ask(part);
    if (is_whole && ask == ASK_RESULTS)
        fetched(part);
    else if (is_whole)
        take_reply(part, ask, yyjson_doc_get_root(doc));
    else if (may_pass(status) || (status >= 200 && status < 300)) {
        log_event(LOG_INFO, "batch part's provider is asked again", LOG_C("job", part->relay->active->job.id),
                  LOG_I("part", part->number), LOG_C("reason", why));
        try_later(part, ask, status, retry_s);
    } else
        refused(part, ask, why);
    json_free(doc);
}

/* --- the course ---------------------------------------------------------------------------------------- */

static void stop_part(struct relay_part *part)
{
    const bool is_there = part->state == RELAY_CREATING || part->state == RELAY_CREATED;
    const bool is_late = clock_now_us() - part->relay->stop_us > STOP_PATIENCE_US;
    if (!is_there || is_late) {
        drop_ask(part);
        give_up(part, is_late ? "it does not answer" : "the job was stopped before it was sent");
    }
}

static void step(struct relay_part *part)
{
    const bool is_stopping = part->relay->is_stopping;
    switch (part->state) {
    case RELAY_BUILT:
        if (provider_uploads(kind_of(part)))
            send_body(part, ASK_UPLOAD, PROVIDER_UPLOAD, PROVIDER_UPLOAD_TYPE);
        else
            ask_create(part);
        break;
    case RELAY_UPLOADED:
        ask_create(part);
        break;
    case RELAY_CREATING:
        if (is_stopping && !part->must_look)
            give_up(part, "the job was stopped before it was sent");
        else
            ask_create(part);
        break;
    case RELAY_CREATED:
        if (is_stopping && !part->is_cancelled)
            start(part, ASK_CANCEL, PROVIDER_CANCEL, part->id, STR("{}"), "application/json");
        else
            start(part, ASK_GET, PROVIDER_GET, part->id, (struct str){NULL, 0}, NULL);
        break;
    case RELAY_FETCHED:
    case RELAY_GIVEN_UP:
    case RELAY_STATES: break;
    }
}

void relay_tick(struct relay *relay, uint64_t now_us)
{
    struct error error;
    for (size_t i = 0; i < relay->part_count; i++) {
        struct relay_part *part = &relay->parts[i];
        if (part->ask != ASK_NOTHING || is_done(part) || now_us < part->next_us)
            continue;
        if (part->is_unnoted && relay_note(part, &error) != OK) {
            wait_for(part, RETRY_FIRST_US);
            continue;
        }
        if (relay->is_stopping)
            stop_part(part);
        if (!is_done(part) && reserve(part, &error) != OK)
            give_up(part, error.message);
        step(part);
    }
}

void relay_stop(struct relay *relay)
{
    if (relay->is_stopping)
        return;
    relay->is_stopping = true;
    relay->stop_us = clock_now_us();
    for (size_t i = 0; i < relay->part_count; i++) {
        relay->parts[i].next_us = 0;
        relay->parts[i].pause_us = 0;
    }
}

bool relay_is_over(const struct relay *relay)
{
    for (size_t i = 0; i < relay->part_count; i++)
        if (!is_done(&relay->parts[i]))
            return false;
    return true;
}

bool relay_has_news(struct relay *relay)
{
    const bool has_news = relay->has_news;
    relay->has_news = false;
    return has_news;
}

enum error_code relay_open(struct active *active, struct relay **relay, struct error *error)
{
    bool may = false;
    *relay = NULL;
    for (size_t i = 0; i < active->model_count; i++)
        may = may || relay_may(active, &active->models[i]);
    if (!may)
        return OK;
    struct relay *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->active = active;
    arena_init(&made->arena, 0);
    made->log_fd = -1;
    made->entries = mem_calloc((size_t)active->job.counts.total + 1, sizeof(*made->entries));
    enum error_code code = made->entries ? relay_load(made, error) : error_no_memory(error);
    if (code != OK || made->part_count == 0) {
        relay_free(made);
        return code;
    }
    *relay = made;
    return OK;
}

void relay_free(struct relay *relay)
{
    if (!relay)
        return;
    for (size_t i = 0; i < relay->part_count; i++) {
        struct relay_part *part = &relay->parts[i];
        drop_ask(part);
        release(part);
        arena_deinit(&part->arena);
        if (part->results_fd >= 0)
            (void)close(part->results_fd);
    }
    if (relay->log_fd >= 0)
        (void)close(relay->log_fd);
    arena_deinit(&relay->arena);
    mem_free(relay->parts);
    mem_free(relay->entries);
    mem_free(relay);
}
