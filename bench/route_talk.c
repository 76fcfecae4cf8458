/* route_talk.c - requests to a server: where the article's prompts go, and what conversations cost that a router may
 * move from model to model.
 *
 * A conversation has five turns, cached; its turns and what they are about are of rows of the desk. Its router's
 * tolerance lies amid what the large model is predicted to be better by in its turns, so that their texts alone would
 * send it back and forth. The same questions are then asked of the model alone that answered first. */
#include "route_parts.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/util.h"
#include "support_server.h"

#define CONFIG "build/bench/route.yaml"
#define DATA "build/bench/route-data"
#define LOG "build/bench/route.log"
#define BODY_MAX ((size_t)4 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define TALKS 24
#define ABOUT_BYTES 8000 /* of a system text, at the least: long enough to be cached */
#define TURNS 5
#define TOLERANCES 31 /* of hundredths, a router each */
#define NAME_MAX_BYTES 64
#define ARTICLE "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-prompt-router"

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "route: %s\n", what);
    exit(1);
}

/* --- one request ------------------------------------------------------------------------------------- */

struct caller {
    CURL *curl;
    struct bench_server server;
    struct buf body, reply;
    char model[NAME_MAX_BYTES]; /* that answered */
    uint64_t cost;              /* picodollars */
};

static size_t take_reply(char *data, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, data, size * count) ? size * count : 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
    struct caller *caller = ctx;
    struct str value = {data, size * count}, name;
    if (str_split(&value, ':', &name) && str_eq_nocase(name, STR("x-fulcrum-model")))
        snprintf(caller->model, sizeof(caller->model), STR_FMT, STR_ARG(str_trim(value)));
    else if (str_eq_nocase(name, STR("x-fulcrum-cost")) && !str_to_u64(str_trim(value), &caller->cost))
        return 0;
    return size * count;
}

/* Gives the reply, json_free'd by the caller. */
static yyjson_doc *call(struct caller *caller, const char *path)
{
    char url[512];
    long status = 0;
    yyjson_doc *document = NULL;
    struct error error = {.message = "no reply"};
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", caller->server.port, path);
    buf_clear(&caller->reply);
    curl_easy_setopt(caller->curl, CURLOPT_URL, url);
    curl_easy_setopt(caller->curl, CURLOPT_POSTFIELDS, caller->body.data);
    curl_easy_setopt(caller->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)caller->body.len);
    if (caller->body.failed || curl_easy_perform(caller->curl) != CURLE_OK ||
        curl_easy_getinfo(caller->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200 ||
        json_parse(buf_str(&caller->reply), &document, &error) != OK) {
        fprintf(stderr, "route: %s: %ld " STR_FMT "\n", path, status, STR_ARG(buf_str(&caller->reply)));
        exit(1);
    }
    return document;
}

static void begin(struct caller *caller)
{
    FILE *config = fopen(CONFIG, "w");
    if (!config)
        die("cannot write " CONFIG);
    fprintf(config, "routers:\n");
    for (int i = 0; i < TOLERANCES; i++)
        fprintf(config, "  - {name: t%d, models: [desk-small, desk-large], tolerance: %.2f}\n", i, i / 100.0);
    if (fclose(config) != 0)
        die("cannot write " CONFIG);
    *caller = (struct caller){.curl = curl_easy_init(), .server = bench_server_start(CONFIG, DATA, LOG)};
    buf_init(&caller->body, BODY_MAX);
    buf_init(&caller->reply, BODY_MAX);
    static char json[] = "content-type: application/json";
    static struct curl_slist type = {.data = json};
    if (!caller->curl)
        die("no memory");
    curl_easy_setopt(caller->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(caller->curl, CURLOPT_HTTPHEADER, &type);
    curl_easy_setopt(caller->curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(caller->curl, CURLOPT_WRITEDATA, &caller->reply);
    curl_easy_setopt(caller->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(caller->curl, CURLOPT_HEADERDATA, caller);
}

static void end(struct caller *caller)
{
    bench_server_stop(&caller->server);
    curl_easy_cleanup(caller->curl);
    buf_deinit(&caller->body);
    buf_deinit(&caller->reply);
}

static void append_turn(struct buf *out, const char *role, struct str text)
{
    buf_appendf(out, "%s{\"role\":\"%s\",\"content\":[{\"text\":", out->data[out->len - 1] == '[' ? "" : ",", role);
    buf_append_json(out, text);
    buf_append_text(out, "}]}");
}

/* --- the article's prompts ---------------------------------------------------------------------------- */

static void ask_examples(struct bench *bench, struct caller *caller)
{
    static const struct {
        const char *language, *model, *prompt;
    } examples[] = {
        {"English", "desk-small", "What are your business hours?"},
        {"Spanish", "desk-small", "¿Cuál es su horario de atención?"},
        {"German", "desk-small", "Was sind Ihre Öffnungszeiten?"},
        {"Chinese", "desk-small", "你们的营业时间是什么？"},
        {"English", "desk-large",
         "Analyze this contract clause for liability implications: The Supplier shall indemnify the Customer against "
         "all losses arising from any breach, provided that the Customer notifies the Supplier in writing without "
         "delay."},
        {"Spanish", "desk-large",
         "Analice las implicaciones de responsabilidad de esta cláusula contractual: El Proveedor indemnizará al "
         "Cliente por todas las pérdidas derivadas de cualquier incumplimiento, siempre que el Cliente lo notifique "
         "sin demora por escrito."},
        {"German", "desk-large",
         "Analysieren Sie diese Vertragsklausel auf Haftungsfolgen: Der Lieferant stellt den Kunden von allen "
         "Verlusten frei, die aus einer Vertragsverletzung entstehen, sofern der Kunde dies unverzüglich schriftlich "
         "anzeigt."},
        {"Chinese", "desk-large",
         "请分析以下合同条款的责任影响：供应商应赔偿客户因任何违约行为而遭受的一切损失，"
         "但客户须毫不延迟地以书面形式通知供应商。"},
    };
    const size_t count = sizeof(examples) / sizeof(examples[0]);
    size_t right = 0;
    for (size_t i = 0; i < count; i++) {
        buf_clear(&caller->body);
        buf_append_text(&caller->body, "{\"inferenceConfig\":{\"maxTokens\":1},\"messages\":[");
        append_turn(&caller->body, "user", str_of(examples[i].prompt));
        buf_append_text(&caller->body, "]}");
        json_free(call(caller, "/model/" ARTICLE "/converse"));
        const struct bench_cell cells[] = {
            BENCH_TEXT("data", i * 2 < count ? "business hours" : "contract clause"),
            BENCH_TEXT("language", examples[i].language), BENCH_TEXT("answered_by", caller->model)};
        bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
        right += !strcmp(caller->model, examples[i].model);
    }
    bench_limit(bench, "examples_routed_right", (double)right, BENCH_AT_LEAST, (double)count);
}

/* --- conversations ------------------------------------------------------------------------------------ */

struct talk {
    struct buf about, asked[TURNS];
};

/* The next row without tools: its system text is added to `about`, its question goes to `asked`. */
static void read_row(FILE *rows, struct buf *about, struct buf *asked)
{
    static char line[LINE_MAX_BYTES];
    struct error error;
    yyjson_doc *document;
    while (fgets(line, sizeof(line), rows)) {
        if (json_parse(str_of(line), &document, &error) != OK)
            die(error.message);
        yyjson_val *row = yyjson_doc_get_root(document), *last;
        last = yyjson_arr_get_last(yyjson_obj_get(row, "messages"));
        yyjson_val *system = yyjson_obj_get(row, "system"), *text = yyjson_obj_get(last, "content");
        const bool is_good = yyjson_is_str(system) && yyjson_is_str(text) &&
                             yyjson_arr_size(yyjson_obj_get(row, "tools")) == 0;
        if (is_good) {
            buf_append_text(about, yyjson_get_str(system));
            buf_append_text(about, "\n\n");
            buf_append_text(asked, yyjson_get_str(text));
        }
        json_free(document);
        if (is_good)
            return;
    }
    die("too few rows in " ROUTE_DESK_ROWS);
}

/* `past`: the messages before this turn, from the bracket on. */
static void make_request(struct buf *out, const struct talk *talk, const struct buf *past, size_t turn,
                         const char *salt)
{
    buf_clear(out);
    buf_appendf(out, "{\"inferenceConfig\":{\"maxTokens\":16,\"temperature\":0},\"additionalModelRequestFields\":"
                     "{\"cache_salt\":\"%s\"},\"system\":[{\"text\":", salt);
    buf_append_json(out, buf_str(&talk->about));
    buf_append_text(out, "}],\"messages\":");
    buf_append(out, past->data, past->len);
    append_turn(out, "user", buf_str(&talk->asked[turn]));
    buf_append_text(out, "]}");
}

static double quality_of(yyjson_val *candidates, const char *model)
{
    size_t at, max;
    yyjson_val *candidate;
    yyjson_arr_foreach(candidates, at, max, candidate)
        if (yyjson_equals_str(yyjson_obj_get(candidate, "name"), model))
            return yyjson_get_num(yyjson_obj_get(candidate, "quality"));
    die("no such candidate");
}

/* The tolerance, in hundredths, in the middle of what the large model is predicted to be better by in the turns. */
static int look_ahead(struct caller *caller, const struct talk *talk)
{
    double least = 1, most = -1;
    struct buf past;
    buf_init(&past, BODY_MAX);
    buf_append_char(&past, '[');
    for (size_t turn = 0; turn < TURNS; turn++) {
        make_request(&caller->body, talk, &past, turn, "ahead");
        yyjson_doc *document = call(caller, "/fulcrum/routers/t0/explain");
        yyjson_val *candidates = yyjson_obj_get(yyjson_doc_get_root(document), "candidates");
        const double better = quality_of(candidates, "desk-large") - quality_of(candidates, "desk-small");
        least = fmin(least, better);
        most = fmax(most, better);
        json_free(document);
        append_turn(&past, "user", buf_str(&talk->asked[turn]));
        append_turn(&past, "assistant", STR("9 am to 5 pm"));
    }
    buf_deinit(&past);
    return (int)fmin(fmax(0, round(100 * (least + most) / 2)), TOLERANCES - 1);
}

struct course {
    uint64_t cost;
    char first[NAME_MAX_BYTES];
    unsigned moves, by_text; /* how often another model answers than the turn before; and would by the texts alone */
};

static void explain(struct caller *caller, const char *router, char by_text[NAME_MAX_BYTES])
{
    char path[128];
    snprintf(path, sizeof(path), "/fulcrum/routers/%s/explain", router);
    yyjson_doc *document = call(caller, path);
    const char *name = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "byText"));
    snprintf(by_text, NAME_MAX_BYTES, "%s", name ? name : "");
    json_free(document);
}

static struct str text_of(yyjson_doc *reply)
{
    yyjson_val *content = yyjson_ptr_get(yyjson_doc_get_root(reply), "/output/message/content/0/text");
    return yyjson_get_len(content) > 0 ? (struct str){yyjson_get_str(content), yyjson_get_len(content)} : STR("-");
}

static void converse(struct caller *caller, const struct talk *talk, const char *model, const char *salt,
                     bool is_router, struct course *course)
{
    char path[128], by_text[2][NAME_MAX_BYTES] = {"", ""}, before[NAME_MAX_BYTES] = "";
    struct buf past;
    *course = (struct course){0};
    buf_init(&past, BODY_MAX);
    buf_append_char(&past, '[');
    snprintf(path, sizeof(path), "/model/%s/converse", model);
    for (size_t turn = 0; turn < TURNS; turn++) {
        make_request(&caller->body, talk, &past, turn, salt);
        if (is_router)
            explain(caller, model, by_text[turn % 2]);
        yyjson_doc *reply = call(caller, path);
        course->cost += caller->cost;
        course->moves += turn > 0 && strcmp(before, caller->model) != 0;
        course->by_text += turn > 0 && strcmp(by_text[0], by_text[1]) != 0;
        if (turn == 0)
            memcpy(course->first, caller->model, sizeof(course->first));
        memcpy(before, caller->model, sizeof(before));
        append_turn(&past, "user", buf_str(&talk->asked[turn]));
        append_turn(&past, "assistant", text_of(reply));
        json_free(reply);
    }
    buf_deinit(&past);
}

static void read_talk(FILE *rows, struct talk *talk)
{
    buf_init(&talk->about, BODY_MAX);
    for (size_t turn = 0; turn < TURNS; turn++) {
        buf_init(&talk->asked[turn], BODY_MAX);
        read_row(rows, &talk->about, &talk->asked[turn]);
    }
    while (talk->about.len < ABOUT_BYTES) {
        struct buf other;
        buf_init(&other, BODY_MAX);
        read_row(rows, &talk->about, &other);
        buf_deinit(&other);
    }
}

static void talk_deinit(struct talk *talk)
{
    buf_deinit(&talk->about);
    for (size_t turn = 0; turn < TURNS; turn++)
        buf_deinit(&talk->asked[turn]);
}

static void hold_talks(struct bench *bench, struct caller *caller)
{
    uint64_t routed = 0, stayed = 0;
    unsigned moves = 0, by_text = 0, torn = 0;
    double worst = 0;
    FILE *rows = fopen(ROUTE_DESK_ROWS, "r");
    if (!rows)
        die("no " ROUTE_DESK_ROWS);
    for (size_t i = 0; i < TALKS; i++) {
        struct course one, other;
        struct talk talk;
        char router[16], salt[32];
        read_talk(rows, &talk);
        snprintf(router, sizeof(router), "t%d", look_ahead(caller, &talk));
        snprintf(salt, sizeof(salt), "routed %zu", i);
        converse(caller, &talk, router, salt, true, &one);
        snprintf(salt, sizeof(salt), "stayed %zu", i);
        converse(caller, &talk, one.first, salt, false, &other);
        routed += one.cost;
        stayed += other.cost;
        moves += one.moves;
        by_text += one.by_text;
        torn += one.by_text > 0;
        worst = fmax(worst, (double)one.cost / fmax(1, (double)other.cost));
        talk_deinit(&talk);
    }
    (void)fclose(rows);
    const struct bench_cell cells[] = {
        BENCH_TEXT("data", "conversations of five turns"), BENCH_NUMBER("conversations", TALKS),
        BENCH_NUMBER("torn_by_text", torn), BENCH_NUMBER("moves_by_text", by_text), BENCH_NUMBER("moves", moves),
        BENCH_NUMBER("routed_usd_per_1000", (double)routed / 1e9 / TALKS),
        BENCH_NUMBER("stayed_usd_per_1000", (double)stayed / 1e9 / TALKS), BENCH_NUMBER("worst_over_staying", worst)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "talk_moves_by_text", by_text, BENCH_AT_LEAST, TALKS / 2);
    bench_limit(bench, "talk_worst_over_staying", worst, BENCH_AT_MOST, 1);
}

void bench_route_talk(struct bench *bench)
{
    struct caller caller;
    begin(&caller);
    ask_examples(bench, &caller);
    hold_talks(bench, &caller);
    end(&caller);
}
