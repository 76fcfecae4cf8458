/* router_ask.c - see router_ask.h. Decides nothing: the server does, with what its models hold warm now. */
#include "cmd/router_ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "cmd/api_client.h"
#include "cmd/cmd_io.h"
#include "core/json.h"

#define REPLY_BYTES_MAX ((size_t)64 << 20)
#define REQUEST_BYTES_MAX ((size_t)32 << 20)
#define TARGET_BYTES 8192
#define PICO_TO_THOUSAND 1e-9 /* picodollars for one request to dollars for a thousand */

static const char usage[] =
    "usage: fulcrum router list [--endpoint URL] [--json]\n"
    "       fulcrum router explain REQUEST.json [--router ROUTER] [--endpoint URL] [--json]\n"
    "list shows the routers that a running server has for you, what their predictions stand on, and whether the last\n"
    "labels of a router that learns agree. explain asks it where a router would send a Converse request, and why:\n"
    "each model's quality, cost and warmth, and what would have changed the choice. Nothing is generated.\n"
    "- is standard input. Without --router it is the file's modelId, else the first router of the list that is no\n"
    "default one.\n"
    "  --endpoint URL   the server; FULCRUM_ENDPOINT, else http://127.0.0.1:8080\n"
    "  --json           the server's own JSON (list: one router a line)\n"
    "Requests are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or carry AWS_BEARER_TOKEN_BEDROCK, where\n"
    "they are set. Exit status: 0 done, 1 failed, 2 wrong usage.\n";

struct asker {
    const char *endpoint, *router, *file;
    bool is_json;
    struct api_client *client;
    struct buf reply;
    yyjson_doc *doc; /* of the reply */
};

static bool parse_options(int argc, char **argv, struct asker *asker, bool takes_file, int *status)
{
    const struct cmd_option known[] = {
        {"endpoint", .value = &asker->endpoint},
        {"router", .value = &asker->router},
        {"json", .flag = &asker->is_json},
    };
    const size_t count = sizeof(known) / sizeof(known[0]);
    *asker = (struct asker){0};
    if (!cmd_read_options(argc, argv, usage, known, count, status))
        return false;
    *status = CMD_USAGE;
    asker->file = takes_file && optind < argc ? argv[optind++] : NULL;
    if (takes_file && !asker->file)
        fputs(usage, stderr);
    return (!takes_file || asker->file) && cmd_no_arguments(argc, argv, usage);
}

static void end(struct asker *asker)
{
    json_free(asker->doc);
    buf_deinit(&asker->reply);
    api_client_free(asker->client);
}

static enum error_code begin(struct asker *asker, struct error *error)
{
    buf_init(&asker->reply, REPLY_BYTES_MAX);
    return api_client_new(asker->endpoint, &asker->client, error);
}

static enum error_code call(struct asker *asker, const char *target, struct str body, struct error *error)
{
    json_free(asker->doc);
    asker->doc = NULL;
    const enum error_code code = api_client_call(asker->client, target, body, &asker->reply, error);
    return code == OK ? json_parse(buf_str(&asker->reply), &asker->doc, error) : code;
}

static const char *member(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

static double number(yyjson_val *object, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(object, name));
}

/* --- list ------------------------------------------------------------------------------------------- */

/* A page behind `token`; empty: the first. */
static enum error_code ask_page(struct asker *asker, const char *token, struct error *error)
{
    struct buf target;
    buf_init(&target, TARGET_BYTES);
    buf_append_text(&target, "/prompt-routers?maxResults=1000");
    if (*token) {
        buf_append_text(&target, "&nextToken=");
        sigv4_append_encoded(&target, str_of(token), false);
    }
    buf_append_char(&target, '\0');
    const enum error_code code = target.failed ? error_no_memory(error)
                                               : call(asker, target.data, (struct str){0}, error);
    buf_deinit(&target);
    return code;
}

static const char *model_of(yyjson_val *model)
{
    const char *arn = member(model, "modelArn"), *slash = strrchr(arn, '/');
    return slash ? slash + 1 : arn;
}

static void print_escalation(struct buf *out, yyjson_val *escalate)
{
    yyjson_val *model, *rows;
    size_t i, max;
    if (!escalate)
        return;
    buf_appendf(out, "  escalates below %g, %g of the answers at most, streams within %g tokens\n",
                number(escalate, "below"), number(escalate, "share"), number(escalate, "hold"));
    json_obj_foreach(yyjson_obj_get(escalate, "rows"), i, max, model, rows) {
        if (yyjson_get_uint(rows) > 0)
            buf_appendf(out, "    %s: a chance that stands on %llu rows\n", yyjson_get_str(model),
                        (unsigned long long)yyjson_get_uint(rows));
        else
            buf_appendf(out, "    %s: no rows tell what its confidence is worth; it is taken as it is\n",
                        yyjson_get_str(model));
    }
}

/* Of a model whose predictions were compared with labels. */
static void print_learnt(struct buf *out, yyjson_val *model)
{
    if (number(model, "labels") > 0)
        buf_appendf(out, "    %s: predicted %.3f, found %.3f (z %.1f, calibration error %.3f) over %.0f labels%s\n",
                    member(model, "model"), number(model, "predicted"), number(model, "found"), number(model, "z"),
                    number(model, "calibrationError"), number(model, "labels"),
                    yyjson_is_true(yyjson_obj_get(model, "drifts")) ? ": it drifts, train again" : "");
}

/* In the unit in which it was given; what an older server does not say is the difference that the service knows. */
static void print_rule(struct buf *out, yyjson_val *router, yyjson_val *said)
{
    const char *rule = member(said, "rule");
    if (!strcmp(rule, "budget"))
        buf_appendf(out, "budget $%g for 1,000 requests", number(said, rule));
    else if (!strcmp(rule, "tolerance"))
        buf_appendf(out, "tolerance %g", number(said, rule));
    else
        buf_appendf(out, "difference %g%%",
                    number(yyjson_obj_get(router, "routingCriteria"), "responseQualityDifference"));
}

static void print_learning(struct buf *out, yyjson_val *learning)
{
    yyjson_val *predictor = yyjson_obj_get(learning, "predictor"), *shadow = yyjson_obj_get(learning, "shadow"), *model;
    size_t i, max;
    if (yyjson_is_obj(predictor))
        buf_appendf(out, "  predictor %s: %.0f rows, AUC %.3f, calibration error %.4f\n", member(predictor, "name"),
                    number(predictor, "rows"), number(predictor, "auc"), number(predictor, "calibrationError"));
    else
        buf_append_text(out, "  no predictor: the fallback answers\n");
    yyjson_arr_foreach(yyjson_obj_get(predictor, "unknown"), i, max, model)
        buf_appendf(out, "    %s: it was not trained on this model; train it again\n", yyjson_get_str(model));
    if (!yyjson_is_obj(shadow))
        return;
    buf_appendf(out, "  shadow %g: %.0f labels%s%s\n", number(shadow, "share"), number(shadow, "labels"),
                *member(shadow, "since") ? " since " : "", member(shadow, "since"));
    yyjson_arr_foreach(yyjson_obj_get(shadow, "models"), i, max, model) print_learnt(out, model);
}

/* What it stands on; NULL: the server does not say, an older one. */
static yyjson_val *ask_learning(struct asker *asker, yyjson_val *router)
{
    struct buf target;
    struct error ignored;
    buf_init(&target, TARGET_BYTES);
    buf_append_text(&target, "/fulcrum/routers/");
    sigv4_append_encoded(&target, str_of(member(router, "promptRouterArn")), false);
    buf_append_char(&target, '\0');
    const bool is_said = !target.failed && call(asker, target.data, (struct str){0}, &ignored) == OK;
    buf_deinit(&target);
    return is_said ? yyjson_doc_get_root(asker->doc) : NULL;
}

static void print_router(struct buf *out, struct asker *asker, yyjson_val *router)
{
    yyjson_val *model, *learning = ask_learning(asker, router);
    size_t i, max;
    if (asker->is_json) {
        json_append(out, router);
        if (learning && out->len > 0) {
            out->len--; /* the object goes on */
            buf_append_text(out, ",\"learning\":");
            json_append(out, learning);
            buf_append_char(out, '}');
        }
        buf_append_char(out, '\n');
        return;
    }
    buf_appendf(out, "%s\n  %s, %s, ", member(router, "promptRouterName"), member(router, "promptRouterArn"),
                member(router, "type"));
    print_rule(out, router, learning);
    buf_appendf(out, ", fallback %s\n ", model_of(yyjson_obj_get(router, "fallbackModel")));
    yyjson_arr_foreach(yyjson_obj_get(router, "models"), i, max, model) buf_appendf(out, " %s", model_of(model));
    buf_append_char(out, '\n');
    print_escalation(out, yyjson_obj_get(router, "escalate"));
    if (learning)
        print_learning(out, learning);
}

static enum error_code list(struct asker *asker, struct buf *out, struct error *error)
{
    char token[512] = "";
    enum error_code code = OK;
    do {
        yyjson_val *router;
        size_t i, max;
        code = ask_page(asker, token, error);
        if (code != OK)
            return code;
        yyjson_doc *page = asker->doc; /* its routers are asked about, which gives another document */
        asker->doc = NULL;
        yyjson_val *root = yyjson_doc_get_root(page);
        yyjson_arr_foreach(yyjson_obj_get(root, "promptRouterSummaries"), i, max, router)
            print_router(out, asker, router);
        snprintf(token, sizeof(token), "%s", member(root, "nextToken"));
        json_free(page);
    } while (*token);
    return OK;
}

int router_list_command(int argc, char **argv)
{
    struct asker asker;
    struct error error;
    struct buf out;
    int status;
    if (!parse_options(argc, argv, &asker, false, &status))
        return status;
    buf_init(&out, REPLY_BYTES_MAX);
    enum error_code code = begin(&asker, &error);
    if (code == OK)
        code = list(&asker, &out, &error);
    end(&asker);
    if (code == OK)
        return cmd_finish("router list", &out);
    buf_deinit(&out);
    return cmd_fail("router list", &error, CMD_FAILED);
}

/* --- explain ---------------------------------------------------------------------------------------- */

/* The one that somebody has made, else the first. */
static enum error_code pick_router(struct asker *asker, struct buf *router, struct error *error)
{
    yyjson_val *each, *picked = NULL;
    size_t i, max;
    const enum error_code code = ask_page(asker, "", error);
    if (code != OK)
        return code;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(asker->doc), "promptRouterSummaries"), i, max, each)
    {
        if (!picked || (!strcmp(member(picked, "type"), "default") && !strcmp(member(each, "type"), "custom")))
            picked = each;
    }
    buf_append_text(router, member(picked, "promptRouterArn"));
    return picked ? OK : error_set(error, ERROR_NOT_FOUND, "the server has no routers");
}

/* What a Converse request has in its path is no part of its body. */
static enum error_code split_request(const struct asker *asker, struct buf *text, struct buf *router,
                                     struct error *error)
{
    yyjson_doc *doc = NULL;
    struct buf body;
    const enum error_code code = json_parse_exact(buf_str(text), &doc, error);
    if (code != OK)
        return error_prefix(error, "%s", asker->file);
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(copy), *id = yyjson_mut_obj_remove_key(root, "modelId");
    buf_append_text(router, asker->router ? asker->router : yyjson_mut_is_str(id) ? yyjson_mut_get_str(id) : "");
    size_t len = 0;
    char *written = copy ? yyjson_mut_write(copy, 0, &len) : NULL;
    buf_init(&body, REQUEST_BYTES_MAX);
    buf_append(&body, written ? written : "", len);
    free(written); /* lint: allow(memory) yyjson's own */
    yyjson_mut_doc_free(copy);
    json_free(doc);
    buf_deinit(text);
    *text = body;
    return len == 0 || body.failed ? error_no_memory(error) : OK;
}

static enum error_code ask_explain(struct asker *asker, struct str router, struct str body, struct error *error)
{
    struct buf target;
    buf_init(&target, TARGET_BYTES);
    buf_append_text(&target, "/fulcrum/routers/");
    sigv4_append_encoded(&target, router, false);
    buf_append_text(&target, "/explain");
    buf_append_char(&target, '\0');
    const enum error_code code = target.failed
                                     ? error_set(error, ERROR_INVALID, "the router's name is too long")
                                     : call(asker, target.data, body, error);
    buf_deinit(&target);
    return code;
}

static void print_candidate(struct buf *out, yyjson_val *candidate)
{
    char quality[32] = "-";
    if (yyjson_obj_get(candidate, "quality"))
        snprintf(quality, sizeof(quality), "%.3f +-%.3f", number(candidate, "quality"),
                 number(candidate, "uncertainty"));
    buf_appendf(out, "%15s  %12.6f  %8.0f %8.0f %8.0f  %s%s\n", quality,
                number(candidate, "expectedCostPicodollars") * PICO_TO_THOUSAND, number(candidate, "promptTokens"),
                number(candidate, "warmTokens"), number(candidate, "expectedOutputTokens"),
                member(candidate, "model"), yyjson_is_false(yyjson_obj_get(candidate, "fits")) ? " (too long)" : "");
}

static void print_explanation(struct buf *out, yyjson_val *root)
{
    yyjson_val *each;
    size_t i, max;
    const char *rule = member(root, "rule");
    buf_appendf(out, "%s: rule %s %s%g%s", member(root, "router"), rule, strcmp(rule, "budget") ? "" : "$",
                number(root, rule), strcmp(rule, "difference") ? "" : "%");
    buf_appendf(out, ", margin %g, fallback %s\n\n%15s  %12s  %8s %8s %8s  %s\n", number(root, "margin"),
                member(root, "fallback"), "QUALITY", "$ PER 1,000", "PROMPT", "WARM", "REPLY", "MODEL");
    yyjson_arr_foreach(yyjson_obj_get(root, "candidates"), i, max, each) print_candidate(out, each);
    buf_appendf(out, "\n%s answers: %s\n", member(root, "chosen"), member(root, "reason"));
    yyjson_arr_foreach(yyjson_obj_get(root, "candidates"), i, max, each) if (number(each, "expectedEscalations") > 0)
        buf_appendf(out, "%.0f%% of %s's answers are expected to be made again\n",
                    100 * number(each, "expectedEscalations"), member(each, "model"));
    yyjson_arr_foreach(yyjson_obj_get(root, "changes"), i, max, each)
        buf_appendf(out, "%s would, if %s\n", member(each, "then"), member(each, "when"));
}

static enum error_code explain(struct asker *asker, struct buf *out, struct error *error)
{
    struct buf text, router;
    buf_init(&text, REQUEST_BYTES_MAX);
    buf_init(&router, TARGET_BYTES);
    enum error_code code = cmd_read_file(asker->file, &text, error);
    if (code == OK)
        code = split_request(asker, &text, &router, error);
    if (code == OK && router.len == 0)
        code = pick_router(asker, &router, error);
    if (code == OK)
        code = ask_explain(asker, buf_str(&router), buf_str(&text), error);
    if (code == OK && asker->is_json)
        buf_append_char((buf_append_str(out, buf_str(&asker->reply)), out), '\n');
    else if (code == OK)
        print_explanation(out, yyjson_doc_get_root(asker->doc));
    buf_deinit(&text);
    buf_deinit(&router);
    return code;
}

int router_explain_command(int argc, char **argv)
{
    struct asker asker;
    struct error error;
    struct buf out;
    int status;
    if (!parse_options(argc, argv, &asker, true, &status))
        return status;
    buf_init(&out, REPLY_BYTES_MAX);
    enum error_code code = begin(&asker, &error);
    if (code == OK)
        code = explain(&asker, &out, &error);
    end(&asker);
    if (code == OK)
        return cmd_finish("router explain", &out);
    buf_deinit(&out);
    return cmd_fail("router explain", &error, CMD_FAILED);
}
