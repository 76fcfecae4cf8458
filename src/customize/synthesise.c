/* synthesise.c - the teacher writes variants of the data's prompts, of which those are kept that say something new
 * about the same matters (similar.h). Asks for no answer. See run.h.
 *
 * variants.jsonl depends on the data, the seed and the replies alone, not on the order in which these came: what is
 * done again after a crash comes out the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch/files.h"
#include "core/limits.h"
#include "customize/ask.h"
#include "customize/similar.h"
#include "customize/variants.h"

#define SUMMARY "prompt_insights/synthetic.json"
#define LISTED "prompt_insights/synthetic.jsonl"
#define ORIGIN "synthetic" /* of their rows, where the others have a file's name */
#define SUMMARY_BYTES_MAX 4096
#define KEY_FORMAT "variants-%06u" /* of request 0 and so on */

/* A prompt of the data; each text once. */
struct seed {
    uint64_t hash;
    uint32_t number; /* of the prompt, from 0 */
    bool is_again;   /* an earlier one is the same */
    bool is_fixed;   /* its last turn is what tools have said: nobody writes variants of that */
};

struct reply {
    bool is_there;
    struct str text; /* or why there is none */
};

struct synthesis {
    struct custom_run *run;
    struct arena arena, row; /* of replies; of the prompt at hand */
    struct seed *seeds;
    size_t count, cap, distinct;
    size_t at, at_distinct;  /* of the prompt that is being read again, and among those that are not again */
    uint32_t wanted, requests; /* variants, and what asks for them */
    struct reply *replies;   /* [requests] */
    struct similar *similar;
    struct file_writer *out, *listed;
    struct buf text;
};

/* --- seeds ------------------------------------------------------------------------------------------ */

/* Prompts with an answer come first, then those without. */
static enum error_code each_prompt(struct synthesis *synthesis, row_taker *take, struct error *error)
{
    synthesis->at = synthesis->at_distinct = 0;
    enum error_code code = run_each_row(run_file(synthesis->run, "rows.jsonl").text, take, synthesis, error);
    return code == OK ? run_each_row(run_file(synthesis->run, "prompts.jsonl").text, take, synthesis, error) : code;
}

static enum error_code read_prompt(struct synthesis *synthesis, struct str row, struct conversation *conversation,
                                   struct data_origin *origin, struct error *error)
{
    arena_reset(&synthesis->row);
    const enum error_code code = conversation_of_prompt(row, &synthesis->row, conversation, origin, error);
    return code == OK ? run_tick(synthesis->run, error) : code;
}

static struct str message_of(const struct conversation *conversation)
{
    return conversation->turns[conversation->count - 1].content.text;
}

static uint64_t hash_of(const struct conversation *conversation)
{
    uint64_t hash = str_hash(conversation->system) ^ str_hash(conversation->tools);
    for (size_t i = 0; i < conversation->count; i++)
        hash = hash * 0x9e3779b97f4a7c15ull + str_hash(conversation->turns[i].content.text);
    return hash;
}

static enum error_code add_seed(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct synthesis *synthesis = ctx;
    struct conversation conversation;
    void *seeds = synthesis->seeds;
    (void)row_number; /* of its file */
    const enum error_code code = read_prompt(synthesis, row, &conversation, NULL, error);
    if (code != OK)
        return code;
    if (!mem_grow(&seeds, synthesis->count, &synthesis->cap, sizeof(*synthesis->seeds)))
        return error_no_memory(error);
    synthesis->seeds = seeds;
    synthesis->seeds[synthesis->count] = (struct seed){
        .hash = hash_of(&conversation),
        .number = (uint32_t)synthesis->count,
        .is_fixed = conversation.turns[conversation.count - 1].content.blocks.data != NULL,
    };
    synthesis->count++;
    return OK;
}

static int compare_hashes(const void *a, const void *b)
{
    const struct seed *left = a, *right = b;
    const int order = (left->hash > right->hash) - (left->hash < right->hash);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct seed *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static enum error_code read_seeds(struct synthesis *synthesis, struct error *error)
{
    const enum error_code code = each_prompt(synthesis, add_seed, error);
    if (code != OK || synthesis->count == 0)
        return code;
    qsort(synthesis->seeds, synthesis->count, sizeof(*synthesis->seeds), compare_hashes);
    synthesis->distinct = !synthesis->seeds[0].is_fixed;
    for (size_t i = 1; i < synthesis->count; i++) {
        synthesis->seeds[i].is_again = synthesis->seeds[i].hash == synthesis->seeds[i - 1].hash;
        synthesis->distinct += !synthesis->seeds[i].is_again && !synthesis->seeds[i].is_fixed;
    }
    qsort(synthesis->seeds, synthesis->count, sizeof(*synthesis->seeds), compare_numbers);
    return OK;
}

/* --- requests --------------------------------------------------------------------------------------- */

/* As many as were asked for, and no more than data may have lines. */
static void plan(struct synthesis *synthesis)
{
    const uint64_t most = limit(customization_prompts), wanted = synthesis->run->hyper.synthetic;
    const uint64_t room = most > synthesis->count ? most - synthesis->count : 0;
    synthesis->wanted = synthesis->distinct == 0 ? 0 : (uint32_t)(wanted < room ? wanted : room);
    synthesis->requests = (synthesis->wanted + VARIANTS_EACH - 1) / VARIANTS_EACH;
}

/* The request of a seed at its turn, if there is one. Seeds are evenly spread where there are more of them than
 * requests, else each has its turn again and again. */
static bool next_request(const struct synthesis *synthesis, size_t seed, uint32_t turn, uint32_t *request)
{
    if (synthesis->requests <= synthesis->distinct) {
        if (turn > 0)
            return false;
        *request = (uint32_t)((seed * synthesis->requests + synthesis->distinct - 1) / synthesis->distinct);
        return *request < synthesis->requests &&
               (uint64_t)*request * synthesis->distinct / synthesis->requests == seed;
    }
    *request = (uint32_t)(seed + (size_t)turn * synthesis->distinct);
    return *request < synthesis->requests;
}

/* How many variants a request wants. */
static uint32_t count_of(const struct synthesis *synthesis, uint32_t request, struct str message)
{
    const uint32_t left = synthesis->wanted - request * VARIANTS_EACH;
    return variants_fitting(message, left < VARIANTS_EACH ? left : VARIANTS_EACH);
}

/* False: it is the same as an earlier one, or fixed. */
static bool take_turn(struct synthesis *synthesis, size_t *distinct)
{
    const struct seed *seed = &synthesis->seeds[synthesis->at++];
    if (seed->is_again || seed->is_fixed)
        return false;
    *distinct = synthesis->at_distinct++;
    return true;
}

static enum error_code write_requests(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct synthesis *synthesis = ctx;
    struct conversation seed;
    size_t distinct;
    uint32_t request;
    (void)row_number;
    if (!take_turn(synthesis, &distinct))
        return OK;
    enum error_code code = read_prompt(synthesis, row, &seed, NULL, error);
    for (uint32_t turn = 0; code == OK && next_request(synthesis, distinct, turn, &request); turn++) {
        char key[32];
        (void)snprintf(key, sizeof(key), KEY_FORMAT, request);
        buf_clear(&synthesis->text);
        const uint32_t count = count_of(synthesis, request, message_of(&seed));
        code = variants_append_request(&synthesis->text, &seed, count, turn, key)
                   ? file_writer_put(synthesis->out, synthesis->text.data, synthesis->text.len, error)
                   : error_no_memory(error);
    }
    return code;
}

static enum error_code take_reply(void *ctx, struct str record, bool is_there, const struct content *answer,
                                  struct error *error)
{
    struct synthesis *synthesis = ctx;
    const struct str head = STR("variants-");
    uint64_t request;
    if (!str_starts(record, head) || !str_to_u64(str_slice(record, head.len, record.len), &request) ||
        request >= synthesis->requests)
        return OK;
    synthesis->replies[request].is_there = is_there;
    return arena_str(&synthesis->arena, answer->text, &synthesis->replies[request].text) ? OK : error_no_memory(error);
}

static enum error_code ask(struct synthesis *synthesis, struct error *error)
{
    struct custom_asked *noted = &synthesis->run->job.progress.variants.asked;
    const struct ask ask = {"variants-of-", "customization-variants-", "synthetic_data/requests.jsonl",
                            "synthetic_data/", noted};
    const struct run_path path = run_file(synthesis->run, "variants-asks.jsonl");
    struct file_writer out = {.fd = -1};
    enum error_code code = OK;
    synthesis->replies = mem_calloc(synthesis->requests, sizeof(*synthesis->replies));
    if (!synthesis->replies)
        return error_no_memory(error);
    for (uint32_t i = 0; i < synthesis->requests; i++)
        synthesis->replies[i].text = STR("it was not asked");
    if (!noted->job[0]) {
        synthesis->out = &out;
        code = file_writer_open(&out, path.text, error);
        if (code == OK)
            code = each_prompt(synthesis, write_requests, error);
        code = file_writer_close(&out, code, error);
    }
    return code == OK ? ask_teacher(synthesis->run, &ask, path.text, take_reply, synthesis, error) : code;
}

/* --- real prompts ----------------------------------------------------------------------------------- */

static enum error_code learn_prompt(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct synthesis *synthesis = ctx;
    struct conversation conversation;
    (void)row_number;
    const enum error_code code = read_prompt(synthesis, row, &conversation, NULL, error);
    return code != OK || similar_learn(synthesis->similar, message_of(&conversation)) ? code : error_no_memory(error);
}

static enum error_code add_prompt(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct synthesis *synthesis = ctx;
    struct conversation conversation;
    (void)row_number;
    const enum error_code code = read_prompt(synthesis, row, &conversation, NULL, error);
    return code != OK || similar_add(synthesis->similar, message_of(&conversation)) ? code : error_no_memory(error);
}

static enum error_code take_reals(struct synthesis *synthesis, struct error *error)
{
    const struct similar_options options = {
        .reals = synthesis->count,
        .others = synthesis->wanted,
        .duplicate_percent = (unsigned)limit(customization_duplicate_percent),
        .off_topic_percent = (unsigned)limit(customization_off_topic_percent),
        .seed = synthesis->run->hyper.seed,
    };
    synthesis->similar = similar_new(&options);
    if (!synthesis->similar)
        return error_no_memory(error);
    enum error_code code = each_prompt(synthesis, learn_prompt, error);
    if (code == OK)
        code = each_prompt(synthesis, add_prompt, error);
    return code != OK || similar_settle(synthesis->similar) ? code : error_no_memory(error);
}

/* --- variants --------------------------------------------------------------------------------------- */

/* What became of a text: NULL as reason means that it is kept. */
static enum error_code list(struct synthesis *synthesis, struct str text, const char *reason, struct error *error)
{
    struct buf *out = &synthesis->text;
    buf_clear(out);
    buf_append_text(out, "{\"prompt\":");
    buf_append_json(out, text);
    buf_appendf(out, ",\"status\":\"%s\"", reason ? "Rejected" : "Accepted");
    if (reason)
        json_append_member(out, "reason", str_of(reason));
    if (!buf_append_text(out, "}\n"))
        return error_no_memory(error);
    return file_writer_put(synthesis->listed, out->data, out->len, error);
}

/* Why it is dropped; NULL: it is not. */
static enum error_code judge(struct synthesis *synthesis, struct str text, const char **reason, struct error *error)
{
    struct custom_variants *counts = &synthesis->run->job.progress.variants;
    *reason = NULL;
    if (text.len > limit(customization_line_bytes)) {
        counts->unfit++;
        *reason = "it is longer than a line of training data may be";
        return OK;
    }
    switch (similar_judge(synthesis->similar, text)) {
    case SIMILAR_NEW: counts->kept++; break;
    case SIMILAR_DUPLICATE:
        counts->duplicates++;
        *reason = "it is nearly the same as another prompt";
        break;
    case SIMILAR_OFF_TOPIC:
        counts->off_topic++;
        *reason = "it is off-topic: further from all real prompts than these are from one another";
        break;
    case SIMILAR_NO_MEMORY: return error_no_memory(error);
    }
    return OK;
}

/* In the place of the seed's last message. */
static enum error_code write_variant(struct synthesis *synthesis, struct conversation *seed, struct str text,
                                     const char *task, struct error *error)
{
    const struct data_origin origin = {STR(ORIGIN), synthesis->run->job.progress.variants.kept, task};
    struct str *message = &seed->turns[seed->count - 1].content.text;
    const struct str own = *message;
    *message = text;
    buf_clear(&synthesis->text);
    const bool is_made = conversation_append_prompt(&synthesis->text, seed, &origin);
    *message = own;
    return is_made ? file_writer_put(synthesis->out, synthesis->text.data, synthesis->text.len, error)
                   : error_no_memory(error);
}

static enum error_code take_variants(struct synthesis *synthesis, struct conversation *seed, const char *task,
                                     uint32_t request, struct error *error)
{
    struct custom_variants *counts = &synthesis->run->job.progress.variants;
    const struct reply *reply = &synthesis->replies[request];
    struct str texts[VARIANTS_EACH];
    struct error why;
    size_t found = 0;
    enum error_code code = OK;
    if (!reply->is_there)
        code = error_set(&why, ERROR_INVALID, STR_FMT, STR_ARG(reply->text));
    else
        code = variants_parse(reply->text, count_of(synthesis, request, message_of(seed)), &synthesis->row, texts,
                              &found, &why);
    if (code == ERROR_INVALID) {
        counts->bad_replies++;
        return list(synthesis, reply->is_there ? reply->text : STR(""), why.message, error);
    }
    if (code != OK)
        return error_no_memory(error);
    for (size_t i = 0; i < found && code == OK; i++) {
        const char *reason;
        counts->written++;
        code = judge(synthesis, texts[i], &reason, error);
        if (code == OK)
            code = list(synthesis, texts[i], reason, error);
        if (code == OK && !reason)
            code = write_variant(synthesis, seed, texts[i], task, error);
        if (code == OK)
            code = run_tick(synthesis->run, error);
    }
    return code;
}

static enum error_code take_replies(void *ctx, uint64_t row_number, struct str row, struct error *error)
{
    struct synthesis *synthesis = ctx;
    struct conversation seed;
    struct data_origin origin;
    size_t distinct;
    uint32_t request;
    (void)row_number;
    if (!take_turn(synthesis, &distinct))
        return OK;
    enum error_code code = read_prompt(synthesis, row, &seed, &origin, error);
    for (uint32_t turn = 0; code == OK && next_request(synthesis, distinct, turn, &request); turn++)
        code = take_variants(synthesis, &seed, origin.task, request, error);
    return code;
}

static enum error_code put_insights(struct synthesis *synthesis, const char *listed, struct error *error)
{
    struct buf text;
    buf_init(&text, SUMMARY_BYTES_MAX);
    buf_append_char(&text, '{');
    buf_appendf(&text, "\"requests\":%u,\"wanted\":%u,", synthesis->requests, synthesis->wanted);
    custom_append_variants(&text, &synthesis->run->job.progress.variants);
    enum error_code code = buf_append_text(&text, "}\n") ? OK : error_no_memory(error);
    if (code == OK)
        code = run_put(synthesis->run, SUMMARY, buf_str(&text), "application/json", error);
    if (code == OK)
        code = run_put_file(synthesis->run, LISTED, listed, "application/jsonl", error);
    buf_deinit(&text);
    return code;
}

/* --- the whole -------------------------------------------------------------------------------------- */

static enum error_code write_variants(struct synthesis *synthesis, struct error *error)
{
    const struct run_path variants = run_file(synthesis->run, "variants.jsonl");
    const struct run_path insights = run_file(synthesis->run, "variants-insights.jsonl");
    struct file_writer out = {.fd = -1}, listed = {.fd = -1};
    synthesis->out = &out;
    synthesis->listed = &listed;
    enum error_code code = file_writer_open(&out, variants.text, error);
    if (code == OK)
        code = file_writer_open(&listed, insights.text, error);
    if (code == OK && synthesis->requests > 0)
        code = each_prompt(synthesis, take_replies, error);
    code = file_writer_close(&out, code, error);
    code = file_writer_close(&listed, code, error);
    return code == OK && synthesis->requests > 0 ? put_insights(synthesis, insights.text, error) : code;
}

static enum error_code synthesise(struct synthesis *synthesis, struct error *error)
{
    struct custom_variants *counts = &synthesis->run->job.progress.variants;
    enum error_code code = OK;
    if (synthesis->run->hyper.synthetic > 0)
        code = read_seeds(synthesis, error);
    plan(synthesis);
    if (code == OK && synthesis->requests > 0)
        code = ask(synthesis, error);
    if (code == OK && synthesis->requests > 0)
        code = take_reals(synthesis, error);
    *counts = (struct custom_variants){.asked = counts->asked}; /* what is done again is counted again */
    return code == OK ? write_variants(synthesis, error) : code;
}

enum error_code run_synthesise(struct custom_run *run, struct error *error)
{
    struct synthesis synthesis = {.run = run};
    arena_init(&synthesis.arena, 0);
    arena_init(&synthesis.row, 0);
    buf_init(&synthesis.text, ASK_LINE_BYTES_MAX);
    /* Answers were asked for: all of it is done. */
    const bool is_done = run->job.progress.answers.job[0] && access(run_file(run, "variants.jsonl").text, F_OK) == 0;
    const enum error_code code = is_done ? OK : synthesise(&synthesis, error);
    buf_deinit(&synthesis.text);
    similar_free(synthesis.similar);
    mem_free(synthesis.replies);
    mem_free(synthesis.seeds);
    arena_deinit(&synthesis.row);
    arena_deinit(&synthesis.arena);
    return code;
}
