/* setup.h - what batch jobs work with, and how the bodies of one job's records
 * become requests. Read-only after the start: any thread. */
#ifndef BATCH_SETUP_H
#define BATCH_SETUP_H

#include "batch/form.h"
#include "document/extractor.h"
#include "engine/engine.h"
#include "generate/routing.h"
#include "ledger/ledger.h"
#include "model/resolve.h"
#include "store/objects.h"

struct batch_options {
    const struct config *config;
    const struct catalog *catalog;
    struct registry *models;
    struct engine *engine;
    unsigned engine_port; /* the runner's own */
    struct extractor *extractor;
    struct ledger *ledger;
    const struct price_book *prices;
    struct objects *objects;
    struct files *files;
    const struct batch_form *forms[BATCH_TYPES]; /* NULL: Bedrock's */
    const struct work_shared *work;
    /* A record is in the ledger; on the runner's thread. */
    void (*on_billed)(void *ctx, struct str tenant, const struct model *model, const struct chat_usage *usage,
                      const struct price_quote *quote);
    void *ctx;
};

/* The model that answers a job's records, or some of them, and who reads and writes their bodies. */
struct batch_model {
    struct str id; /* that it is asked for by */
    struct catalog_match match;
    const struct codec *codec, *fields;
    const struct batch_embed *embed; /* NULL: replies are asked for */
    bool is_router; /* the job names one, and the match is its fallback: each record is routed by itself */
    bool is_routed; /* others than it may answer */
    bool is_strict; /* unknown members of a record are refused */
    uint32_t default_tokens; /* of a reply whose record gives no maximum; 0: the context alone bounds it */
};

/* Who a job is, to routers. */
struct routing_asker batch_asker(const struct batch_job *job);
struct str batch_source(const struct batch_job *job); /* the ID that its records are asked by,
    where it is one for all */

const struct batch_form *batch_form_of(const struct batch_options *options, const struct batch_job *job);

/* By its ID, which must outlive it. ERROR_INVALID, ERROR_NOT_FOUND: there is no such model. */
enum error_code batch_model_find(const struct batch_options *options, const struct batch_job *job, struct str id,
                                 struct batch_model *model, struct error *error) WARN_UNUSED;

/* A record's input as a request of the batch tier. `request` is zeroed but for its
 * arena, and keeps pointing into the record: who wants it to outlive that gives
 * it the record's document. codec_request_free after OK. */
enum error_code batch_model_parse(const struct batch_options *options, const struct batch_model *model,
                                  const struct batch_job *job, yyjson_val *input, struct chat_request *request,
                                  struct error *error) WARN_UNUSED;

/* DATA/batch/ID, where a job's working files lie. */
#define BATCH_PATH_MAX 4000
enum error_code batch_directory(const struct batch_options *options, const char *id, char path[BATCH_PATH_MAX],
                                struct error *error) WARN_UNUSED;

/* Whether the reason of an error may pass, so that it is worth another try: a
 * full disk, no memory, an object store that is not there. */
bool batch_may_pass(enum error_code code);

#endif
