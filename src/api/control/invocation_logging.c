/* invocation_logging.c - PutModelInvocationLoggingConfiguration, Get and Delete: a tenant's own, in its region. What is
 * known is answered from memory; changes wait for disk and store on a thread of libuv's pool. */
#include "api/control/change.h"
#include "api/fields.h"
#include "invocations/invocations.h"

#define LOGGING_BODY_MAX (4u << 20)
#define GROUP_MAX_LEN 512
#define ROLE_MAX_LEN 2048
#define BUCKET_MIN_LEN 3
#define PREFIX_MAX_LEN 1024
#define CONFIG_TEXT_MAX 32768 /* all of it, also what nobody here knows: it is kept in memory */

/* --- reading ---------------------------------------------------------------------------------------- */

/* arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+ */
static bool is_role(struct str text)
{
    struct str rest = text, part[6];
    for (size_t i = 0; i < 5; i++)
        if (!str_split(&rest, ':', &part[i]))
            return false;
    const struct str account = part[4];
    bool is_account = account.len == 0 || account.len == 12;
    for (size_t i = 0; i < account.len; i++)
        is_account = is_account && account.data[i] >= '0' && account.data[i] <= '9';
    const bool is_partition = str_eq(part[1], STR("aws")) || (str_starts(part[1], STR("aws-")) && part[1].len > 4);
    return str_eq(part[0], STR("arn")) && is_partition && str_eq(part[2], STR("iam")) && part[3].len == 0 &&
           is_account && str_starts(rest, STR("role/")) && rest.len > 5;
}

/* One slash ends the prefix, whether one was given or not. */
static enum error_code keep_prefix(struct api_call *call, struct str prefix, const char *where,
                                   struct settings *wanted, struct error *error)
{
    const struct str bare = str_ends(prefix, STR("/")) ? str_slice(prefix, 0, prefix.len - 1) : prefix;
    const size_t most = invocations_prefix_max(wanted->account, wanted->region);
    if (bare.len + 1 > most)
        return field_error(error, where, "keyPrefix", "must have at most %zu bytes, so that keys have room behind it",
                           most - 1);
    if (bare.len == 0)
        return OK;
    wanted->prefix = arena_printf(&call->exchange->arena, STR_FMT "/", STR_ARG(bare));
    return wanted->prefix.data ? objects_check_key(wanted->prefix, error) == OBJECTS_OK
                                     ? OK
                                     : field_error(error, where, "keyPrefix", "cannot begin a key")
                               : error_no_memory(error);
}

static enum error_code parse_s3(struct api_call *call, yyjson_val *s3, const char *where, struct settings *wanted,
                                struct error *error)
{
    static const char *const members[] = {"bucketName", "keyPrefix", NULL};
    struct str prefix = {NULL, 0};
    struct error wrong;
    enum error_code code = fields_known(call_unknown_members(call), s3, where, members, error);
    if (code == OK)
        code = fields_need_str(s3, where, "bucketName", BUCKET_MIN_LEN, OBJECTS_BUCKET_MAX, &wanted->bucket, error);
    if (code == OK && objects_check_bucket(wanted->bucket, &wrong) != OBJECTS_OK)
        code = field_error(error, where, "bucketName", "%s", wrong.message);
    if (code == OK)
        code = fields_get_str(s3, where, "keyPrefix", 0, PREFIX_MAX_LEN, &prefix, NULL, error);
    return code == OK ? keep_prefix(call, prefix, where, wanted, error) : code;
}

/* There is no CloudWatch here: what it says is checked, kept, and has no effect. */
static enum error_code parse_cloudwatch(struct api_call *call, yyjson_val *watch, bool is_alone, struct error *error)
{
    static const char where[] = "loggingConfig.cloudWatchConfig";
    static const char *const members[] = {"logGroupName", "roleArn", "largeDataDeliveryS3Config", NULL};
    struct ignored *unknown = call_unknown_members(call);
    struct str text;
    struct settings unused = {.account = str_of(call->identity.account), .region = str_of(call->identity.region)};
    yyjson_val *large = NULL;
    enum error_code code = fields_known(unknown, watch, where, members, error);
    if (code == OK)
        code = fields_need_str(watch, where, "logGroupName", 1, GROUP_MAX_LEN, &text, error);
    if (code == OK)
        code = fields_need_str(watch, where, "roleArn", 0, ROLE_MAX_LEN, &text, error);
    if (code == OK && !is_role(text))
        code = field_error(error, where, "roleArn", "must be the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME");
    if (code == OK)
        code = json_get_object(watch, where, "largeDataDeliveryS3Config", &large, error);
    if (code == OK && large)
        code = parse_s3(call, large, "loggingConfig.cloudWatchConfig.largeDataDeliveryS3Config", &unused, error);
    if (code == OK && is_alone)
        return field_error(error, "", where, "there is no CloudWatch Logs here; give s3Config");
    if (code == OK && !unknown)
        return field_error(error, "", where, "there is no CloudWatch Logs here; leave it out");
    if (code == OK)
        ignored_note(unknown, "loggingConfig", STR("cloudWatchConfig"), 0);
    return code;
}

/* What is not said is delivered, as the service does it. */
static enum error_code parse_kinds(yyjson_val *config, struct settings *wanted, struct error *error)
{
    static const struct {
        const char *name;
        unsigned kind;
    } rows[] = {
        {"textDataDeliveryEnabled", SETTINGS_TEXT},   {"imageDataDeliveryEnabled", SETTINGS_IMAGES},
        {"videoDataDeliveryEnabled", SETTINGS_VIDEO}, {"audioDataDeliveryEnabled", SETTINGS_AUDIO},
        {"embeddingDataDeliveryEnabled", 0},
    };
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_wanted = true;
        code = json_get_bool(config, "loggingConfig", rows[i].name, &is_wanted, NULL, error);
        wanted->kinds |= is_wanted ? rows[i].kind : 0;
    }
    return code;
}

static enum error_code parse_config(struct api_call *call, yyjson_val *root, struct settings *wanted,
                                    struct error *error)
{
    static const char *const at_root[] = {"loggingConfig", NULL};
    static const char *const members[] = {"cloudWatchConfig",         "s3Config",
                                          "textDataDeliveryEnabled",  "imageDataDeliveryEnabled",
                                          "videoDataDeliveryEnabled", "audioDataDeliveryEnabled",
                                          "embeddingDataDeliveryEnabled", NULL};
    yyjson_val *config = NULL, *watch = NULL, *s3 = NULL;
    if (!yyjson_is_obj(root))
        return error_set(error, ERROR_INVALID, "the request body must be a JSON object, got %s", json_type_name(root));
    enum error_code code = fields_known(call_unknown_members(call), root, "", at_root, error);
    if (code == OK)
        code = fields_need_object(root, "", "loggingConfig", &config, error);
    if (code == OK)
        code = fields_known(call_unknown_members(call), config, "loggingConfig", members, error);
    if (code == OK)
        code = json_get_object(config, "loggingConfig", "s3Config", &s3, error);
    if (code == OK)
        code = json_get_object(config, "loggingConfig", "cloudWatchConfig", &watch, error);
    if (code == OK && !s3 && !watch)
        code = field_error(error, "", "loggingConfig", "must have s3Config: a bucket that records go to");
    if (code == OK && watch)
        code = parse_cloudwatch(call, watch, !s3, error);
    if (code == OK)
        code = parse_s3(call, s3, "loggingConfig.s3Config", wanted, error);
    if (code == OK)
        code = parse_kinds(config, wanted, error);
    if (code == OK)
        code = fields_json_text(config, &call->exchange->arena, &wanted->text, error);
    if (code == OK && wanted->text.len > CONFIG_TEXT_MAX)
        code = field_error(error, "", "loggingConfig", "must have at most %d bytes", CONFIG_TEXT_MAX);
    return code;
}

static enum error_code parse_put(struct api_call *call, struct settings *wanted, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = json_parse(call->exchange->request.body, &doc, error);
    if (code == OK)
        code = parse_config(call, yyjson_doc_get_root(doc), wanted, error);
    if (code == OK && !arena_str(&call->exchange->arena, wanted->bucket, &wanted->bucket))
        code = error_no_memory(error);
    json_free(doc);
    return code;
}

/* --- changes ---------------------------------------------------------------------------------------- */

struct logging_change {
    struct change base;
    struct settings wanted;
};

static struct logging_change *new_change(struct api_call *call)
{
    struct logging_change *change = change_new(call, sizeof(*change));
    if (!change)
        return NULL;
    change->wanted.tenant = str_of(call->identity.tenant);
    change->wanted.account = str_of(call->identity.account);
    change->wanted.region = str_of(call->identity.region);
    return change;
}

static enum error_code put(struct change *change)
{
    return invocations_put(change->call->thread->api->invocations, &((struct logging_change *)change)->wanted,
                           &change->error);
}

static enum error_code drop(struct change *change)
{
    const struct settings *wanted = &((struct logging_change *)change)->wanted;
    return invocations_delete(change->call->thread->api->invocations, wanted->tenant, wanted->account, wanted->region,
                              &change->error);
}

void logging_put(struct api_call *call)
{
    struct logging_change *change = new_change(call);
    if (!change)
        return;
    change->base.code = parse_put(call, &change->wanted, &change->base.error);
    change_send(&change->base, put, change_respond_nothing);
}

void logging_delete(struct api_call *call)
{
    struct logging_change *change = new_change(call);
    if (change)
        change_send(&change->base, drop, change_respond_nothing);
}

/* --- get -------------------------------------------------------------------------------------------- */

/* Nothing is an answer without the member. */
void logging_get(struct api_call *call)
{
    struct buf body;
    const struct settings *settings =
        invocations_get(call->thread->api->invocations, str_of(call->identity.tenant),
                        str_of(call->identity.account), str_of(call->identity.region));
    buf_init(&body, LOGGING_BODY_MAX);
    buf_append_char(&body, '{');
    if (settings) {
        buf_append_text(&body, "\"loggingConfig\":");
        buf_append_str(&body, settings->text);
    }
    buf_append_char(&body, '}');
    settings_release(settings);
    call_respond_json(call, &body);
    buf_deinit(&body);
}
