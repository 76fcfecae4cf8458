/* intake.c - see intake.h. */
#include "advise/intake.h"

#include <math.h>

#include "core/json.h"
#include "core/mem.h"
#include "route/decide.h"
#include "route/features.h"

#define HEAD_BYTES_LEAST 1024 /* of a first message that may be the same in many prompts */
#define BYTES_PER_TOKEN 4     /* where the log has no counts */
#define ASK_ALL 1500          /* requests of a group whose prompts the predictor reads, every one; then */
#define ASK_ONE_IN 16         /* of them */
#define MEMO_SLOTS 4096u
#define COUNTED_HEADS 64 /* of a template that are counted; others are taken to be as the mean of these */
#define TOLERANCE 0.05

struct verdict_memo {
    uint64_t hash; /* of the prompt; 0: empty */
    uint8_t verdict, again[CASES];
};

enum error_code intake_init(struct intake *intake, const struct price_book *book, const struct catalog *catalog,
                            const struct predictor *predictor, struct error *error)
{
    *intake = (struct intake){.book = book, .catalog = catalog, .predictor = predictor};
    intake->rows = log_rows_new();
    intake->templates = templates_new();
    intake->groups = mem_calloc(LIMIT_ADVISE_GROUPS, sizeof(*intake->groups));
    intake->clusters = mem_calloc(INTAKE_CLUSTERS, sizeof(*intake->clusters));
    intake->slots = mem_calloc(INTAKE_SLOTS, sizeof(*intake->slots));
    intake->memo = mem_calloc(MEMO_SLOTS, sizeof(*intake->memo));
    intake->features = mem_calloc(1, sizeof(*intake->features));
    if (intake->rows && intake->templates && intake->groups && intake->clusters && intake->slots && intake->memo &&
        intake->features)
        return OK;
    intake_deinit(intake);
    return error_no_memory(error);
}

void intake_deinit(struct intake *intake)
{
    for (uint32_t i = 0; i < intake->group_count; i++) {
        mem_free(intake->groups[i].tenant);
        mem_free(intake->groups[i].model);
        mem_free(intake->groups[i].place);
    }
    for (size_t i = 0; intake->clusters && i < INTAKE_CLUSTERS; i++)
        alike_free(intake->clusters[i].alike);
    log_rows_free(intake->rows);
    templates_free(intake->templates);
    mem_free(intake->groups);
    mem_free(intake->clusters);
    mem_free(intake->slots);
    mem_free(intake->memo);
    mem_free(intake->features);
    *intake = (struct intake){0};
}

/* --- groups ------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

/* The last group is for all that come when there is no room any more. */
static enum error_code find_group(struct intake *intake, const struct advise_record *record, uint32_t *index,
                                  struct error *error)
{
    const struct str model = record->model.len ? record->model : intake->default_model;
    const uint64_t hash = mix(mix(str_hash(record->tenant), str_hash(model)), str_hash(record->place));
    uint32_t at = (uint32_t)(hash % INTAKE_SLOTS);
    for (; intake->slots[at] != 0; at = (at + 1) % INTAKE_SLOTS) {
        *index = intake->slots[at] - 1;
        if (intake->groups[*index].hash == hash)
            return OK;
    }
    if (intake->group_count == LIMIT_ADVISE_GROUPS) {
        *index = LIMIT_ADVISE_GROUPS - 1;
        return OK;
    }
    struct group *group = &intake->groups[intake->group_count];
    *group = (struct group){.hash = hash};
    group->tenant = mem_strdup(str_slice(record->tenant, 0, 256));
    group->model = mem_strdup(str_slice(model, 0, 256));
    group->place = mem_strdup(str_slice(record->place, 0, 64));
    *index = intake->group_count++;
    intake->slots[at] = *index + 1;
    if (!group->tenant || !group->model || !group->place)
        return error_no_memory(error);
    advise_price_find(intake->book, intake->catalog, model, record->place, &group->price);
    if (intake->small && group->price.row)
        group->price.small = intake->small == group->price.row ? NULL : intake->small;
    return OK;
}

/* --- texts ------------------------------------------------------------------------------------------- */

/* The part of the prompt that may be the same for many: its first text that is no tool's. */
static struct str head_of(const struct advise_record *record, size_t *end, bool *is_system)
{
    size_t at = 0;
    *is_system = false;
    while (at < record->block_count && record->blocks[at].part == ADVISE_TOOL)
        at++;
    *end = at;
    if (at == record->block_count || !record->blocks[at].text.data)
        return (struct str){NULL, 0};
    *is_system = record->blocks[at].part == ADVISE_SYSTEM;
    *end = at + 1;
    while (*is_system && *end < record->block_count && record->blocks[*end].part == ADVISE_SYSTEM)
        ++*end;
    return record->blocks[at].text;
}

/* Blocks of the last turn of the user are what is asked. */
static void prompt_of(const struct advise_record *record, struct route_prompt *prompt)
{
    size_t last = record->block_count;
    *prompt = (struct route_prompt){
        .turns = record->message_count, .tools = record->tool_count, .has_output_schema = record->has_schema};
    while (last > 0 && record->blocks[last - 1].role != ADVISE_USER)
        last--;
    for (size_t i = 0; i < record->block_count; i++) {
        const struct advise_block *block = &record->blocks[i];
        const bool is_asked = last > 0 && i < last && block->role == ADVISE_USER &&
                              block->message == record->blocks[last - 1].message;
        struct route_text *text = block->part == ADVISE_SYSTEM ? &prompt->system : is_asked ? &prompt->user : NULL;
        if (block->is_media)
            prompt->images++;
        else if (text && block->text.data && text->count < ROUTE_SLICES_MAX)
            text->slices[text->count++] = block->text;
        if (text)
            text->bytes += block->bytes;
        else if (block->part == ADVISE_MESSAGE)
            prompt->history_bytes += block->bytes;
    }
}

static struct str asked_of(const struct route_prompt *prompt)
{
    return prompt->user.count > 0 ? prompt->user.slices[prompt->user.count - 1] : (struct str){NULL, 0};
}

static enum row_verdict decide_verdict(const struct prediction predictions[2])
{
    const struct decide_candidate pair[2] = {
        {.quality = (double)predictions[0].quality, .uncertainty = (double)predictions[0].uncertainty, .strength = 1,
         .cost = 1},
        {.quality = (double)predictions[1].quality, .uncertainty = (double)predictions[1].uncertainty, .strength = 2,
         .cost = 10}};
    const struct decide_terms terms = {.rule = DECIDE_TOLERANCE, .tolerance = TOLERANCE, .fallback = 1};
    struct decision decision;
    decide(&terms, pair, 2, &decision);
    if (decision.chosen != 0)
        return VERDICT_STAYS;
    const double gap = pair[1].quality - pair[0].quality;
    const bool is_sure = gap + fmin(pair[0].uncertainty, 0.25) <= 3 * TOLERANCE &&
                         predictions[0].familiarity >= PREDICTOR_FAMILIAR;
    return is_sure ? VERDICT_SMALL : VERDICT_SMALL_UNSURE;
}

/* Of what the predictor reads. */
static uint64_t prompt_hash(const struct advise_record *record)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < record->block_count; i++)
        hash = mix(hash, record->blocks[i].hash);
    return hash | 1;
}

/* By the rule of thumb: the smallest model of the family, or the one that was asked. */
static bool ask_pair(const struct intake *intake, struct row *row)
{
    struct prediction predictions[2];
    struct predictor_bound bound;
    struct error ignored;
    const struct predictor_candidate pair[2] = {{STR("small"), 1}, {STR("large"), 10}};
    if (predictor_bind(intake->predictor, pair, 2, &bound, &ignored) != OK)
        return false;
    predictor_ask_features(intake->predictor, &bound, intake->features, predictions);
    row->verdict = (uint8_t)decide_verdict(predictions);
    return true;
}

static void ask_router(const struct intake *intake, struct row *row)
{
    struct advise_routing routing;
    double tokens[PRICE_CLASSES];
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        tokens[i] = row->tokens[i];
    advise_router_ask(intake->router, intake->features, tokens, &routing);
    row->verdict = (uint8_t)(VERDICT_ROUTED + routing.chosen);
    for (unsigned i = 0; i < CASES; i++)
        row->again[i] = (uint8_t)lround(UINT8_MAX * routing.again[i]);
}

/* What has been said of the same prompt before holds again. */
static void ask(struct intake *intake, struct group *group, const struct advise_record *record,
                const struct route_prompt *prompt, struct row *row)
{
    const bool is_routed = intake->router ? (row->flags & ROW_FOR_ROUTE) != 0
                                          : intake->predictor && group->price.small && prompt->user.count > 0;
    row->verdict = prompt->images > 0 ? VERDICT_STAYS : VERDICT_UNASKED;
    if (!is_routed || prompt->images > 0)
        return;
    struct verdict_memo *memo = &intake->memo[prompt_hash(record) >> 2 & (MEMO_SLOTS - 1)];
    const bool is_known = memo->hash == prompt_hash(record);
    if (!is_known && group->count >= ASK_ALL && group->count % ASK_ONE_IN != 0)
        return;
    if (is_known) {
        row->verdict = memo->verdict;
        memcpy(row->again, memo->again, sizeof(row->again));
        return;
    }
    group->asked++;
    features_read(prompt, intake->features);
    if (intake->router)
        ask_router(intake, row);
    else if (!ask_pair(intake, row))
        return;
    *memo = (struct verdict_memo){.hash = prompt_hash(record), .verdict = row->verdict};
    memcpy(memo->again, row->again, sizeof(memo->again));
}

static void count_verdict(const struct row *row, struct cluster *cluster)
{
    if (row->verdict < VERDICT_ROUTED) {
        cluster->verdicts[row->verdict]++;
        return;
    }
    cluster->routed[row->verdict - VERDICT_ROUTED].asked++;
    for (unsigned i = 0; i < CASES; i++)
        cluster->routed[row->verdict - VERDICT_ROUTED].again[i] += row->again[i] / (double)UINT8_MAX;
}

/* --- rows -------------------------------------------------------------------------------------------- */

/* All blocks where there is room; else the first and the last, and those between as one. */
static void keep_blocks(const struct advise_record *record, struct row *row)
{
    const size_t count = record->block_count;
    const size_t first = count <= LIMIT_ADVISE_BLOCKS ? count : LIMIT_ADVISE_BLOCKS / 2;
    const size_t behind = count - (LIMIT_ADVISE_BLOCKS - first - 1);
    for (size_t i = 0; i < count; i++) {
        const struct advise_block *block = &record->blocks[i];
        const struct row_block kept = {block->hash, (uint32_t)(block->bytes < UINT32_MAX ? block->bytes : UINT32_MAX),
                                       block->part, block->mark};
        struct row_block *last = &row->blocks[row->block_count ? row->block_count - 1 : 0];
        if (i > first && count > LIMIT_ADVISE_BLOCKS && i < behind) {
            last->hash = mix(last->hash, kept.hash);
            last->bytes += kept.bytes;
            last->mark = kept.mark > last->mark ? kept.mark : last->mark;
        } else {
            row->blocks[row->block_count++] = kept;
        }
    }
}

static uint64_t prompt_bytes(const struct advise_record *record)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < record->block_count; i++)
        bytes += record->blocks[i].bytes;
    return bytes;
}

static void keep_tokens(const struct advise_record *record, struct row *row)
{
    uint64_t tokens[PRICE_CLASSES];
    memcpy(tokens, record->usage.tokens, sizeof(tokens));
    if (!record->has_usage) {
        tokens[PRICE_INPUT] = (prompt_bytes(record) + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
        tokens[PRICE_OUTPUT] = (record->answer.len + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
    }
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        row->tokens[i] = (uint32_t)(tokens[i] < UINT32_MAX ? tokens[i] : UINT32_MAX);
}

static void keep_flags(const struct advise_record *record, bool is_ledger, struct row *row)
{
    bool has_media = false;
    for (size_t i = 0; i < record->block_count; i++)
        has_media = has_media || record->blocks[i].is_media;
    row->flags = (uint16_t)((record->is_stream ? ROW_STREAM : 0) | (record->has_usage ? ROW_COUNTED : 0) |
                            (record->block_count ? ROW_BODY : 0) | (record->has_reply ? ROW_REPLY : 0) |
                            (record->time_us ? ROW_TIMED : 0) | (record->message_count > 1 ? ROW_LATER_TURN : 0) |
                            (has_media ? ROW_MEDIA : 0) | (is_ledger ? ROW_LEDGER : 0) |
                            (record->tier == TIER_BATCH && record->id.len > 0 &&
                                     (!record->block_count || !record->has_reply) ? ROW_PAIRED : 0));
}

bool intake_takes(const struct intake_scope *scope, const struct advise_record *record)
{
    if (scope->name.len == 0 || str_eq(scope->name, STR("model")))
        return scope->name.len == 0 || str_eq(scope->value, record->model);
    yyjson_val *tag = yyjson_obj_getn((yyjson_val *)record->tags, scope->name.data, scope->name.len);
    return yyjson_is_str(tag) && str_eq(json_str(tag), scope->value);
}

static void keep_scopes(const struct intake *intake, const struct advise_record *record, struct row *row)
{
    row->flags = (uint16_t)(row->flags | (intake_takes(&intake->route, record) ? ROW_FOR_ROUTE : 0) |
                            (intake_takes(&intake->student, record) ? ROW_FOR_STUDENT : 0) |
                            (intake_takes(&intake->batch, record) ? ROW_FOR_BATCH : 0));
}

/* Turns of a conversation begin with the same message. */
static uint64_t conversation_of(const struct advise_record *record)
{
    if (record->session.len > 0)
        return mix(str_hash(record->session), str_hash(record->tenant)) | 1;
    for (size_t i = 0; i < record->block_count; i++)
        if (record->blocks[i].part == ADVISE_MESSAGE)
            return mix(record->blocks[i].hash, str_hash(record->tenant)) | 1;
    return 0;
}

bool cluster_is_reordered(const struct cluster *cluster)
{
    return cluster->reordered > 0 && cluster->reordered * 20 >= cluster->tooled;
}

static void read_tools(const struct advise_record *record, struct cluster *cluster)
{
    uint64_t order = 1, set = 1;
    for (size_t i = 0; i < record->tool_count; i++) {
        order = mix(order, record->blocks[i].hash);
        set += mix(1, record->blocks[i].hash);
    }
    if (record->tool_count == 0)
        return;
    if (cluster->tooled++ == 0) {
        cluster->tool_set = set;
        cluster->tool_order = order;
    }
    cluster->reordered += set == cluster->tool_set && order != cluster->tool_order;
}

/* By the model's own tokenizer, where there is one. */
static uint32_t count_head(const struct intake *intake, const struct group *group, struct str head,
                           struct cluster *cluster)
{
    const uint64_t hash = str_hash(head) | 1;
    if (!intake->counter.count || head.len == 0)
        return 0;
    if (cluster->counted.hash == hash)
        return cluster->counted.last;
    if (cluster->counted.heads == COUNTED_HEADS)
        return (uint32_t)lround(cluster->counted.tokens * (double)head.len / (double)cluster->counted.bytes);
    cluster->counted.hash = hash;
    cluster->counted.last = intake->counter.count(intake->counter.ctx, str_of(group->model), head);
    if (cluster->counted.last > 0) {
        cluster->counted.heads++;
        cluster->counted.bytes += head.len;
        cluster->counted.tokens += cluster->counted.last;
    }
    return cluster->counted.last;
}

/* What is read of the texts. */
static enum error_code read_texts(struct intake *intake, const struct advise_record *record, struct row *row,
                                  struct error *error)
{
    struct route_prompt prompt;
    struct template_match match = {TEMPLATE_NONE, 0, 0};
    bool is_system;
    size_t end;
    const struct str head = head_of(record, &end, &is_system);
    if (is_system || head.len >= HEAD_BYTES_LEAST)
        templates_match(intake->templates, row->group, is_system, head, &match);
    row->head_end = (uint8_t)(end < LIMIT_ADVISE_BLOCKS / 2 ? end : LIMIT_ADVISE_BLOCKS / 2);
    row->head_bytes = (uint32_t)(head.len < UINT32_MAX ? head.len : UINT32_MAX);
    row->head_same = match.same;
    row->head_matched = match.matched;
    row->template = match.index;
    row->cluster = match.index != TEMPLATE_NONE ? match.index : LIMIT_ADVISE_TEMPLATES + row->group;
    prompt_of(record, &prompt);
    struct cluster *cluster = &intake->clusters[row->cluster];
    if (!cluster->alike && !(cluster->alike = alike_new()))
        return error_no_memory(error);
    alike_add(cluster->alike, asked_of(&prompt), record->answer);
    if (match.index != TEMPLATE_NONE)
        row->head_tokens = count_head(intake, &intake->groups[row->group], head, cluster);
    read_tools(record, cluster);
    ask(intake, &intake->groups[row->group], record, &prompt, row);
    count_verdict(row, cluster);
    return OK;
}

enum error_code intake_add(struct intake *intake, const struct advise_record *record, bool is_ledger,
                           struct error *error)
{
    struct row row;
    memset(&row, 0, offsetof(struct row, blocks));
    intake->read++;
    if (record->is_failed) {
        intake->failed++;
        return OK;
    }
    enum error_code code = find_group(intake, record, &row.group, error);
    if (code != OK)
        return code;
    row.time_us = record->time_us;
    row.order = (uint32_t)intake->read;
    row.key = record->id.len > 0 ? str_hash(record->id) | 1 : 0;
    row.tier = (uint8_t)record->tier;
    row.template = TEMPLATE_NONE;
    row.cluster = LIMIT_ADVISE_TEMPLATES + row.group;
    row.conversation = conversation_of(record);
    keep_tokens(record, &row);
    keep_flags(record, is_ledger, &row);
    keep_scopes(intake, record, &row);
    keep_blocks(record, &row);
    if (record->block_count > 0)
        code = read_texts(intake, record, &row, error);
    intake->groups[row.group].count++;
    intake->has_pairs = intake->has_pairs || row.key;
    return code == OK ? log_rows_add(intake->rows, &row, error) : code;
}
