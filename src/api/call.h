/* call.h - one request inside the API: what every operation's handler gets.
 * Shared by the files of src/api; owned by the exchange's I/O thread. */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdatomic.h>

#include "api/api.h"
#include "api/dialect.h"
#include "api/metrics.h"
#include "api/metrics_genai.h"
#include "api/operations.h"
#include "auth/tenant.h"
#include "chat/chat.h"
#include "core/util.h"
#include "generate/routing.h"

struct api_thread {
    struct api *api;
    unsigned index;
    uv_loop_t *loop;
    struct work_port work;
    struct metrics metrics;
    struct metrics_rows genai; /* metrics_genai.h */
    uint64_t s3_requests; /* under way */
    uint64_t uploads;     /* likewise (upload.h) */
};

struct api {
    uint64_t started_us; /* clock_wall_us() */
    const struct config *config;
    struct sessions *sessions; /* of the console */
    const struct auth_keys *auth_keys; /* virtual ones */
    struct keys *keys;                 /* the same, with what they and others may spend */
    const struct catalog *catalog;
    struct engine *engine;
    struct extractor *extractor;
    struct ledger *ledger;
    struct objects *objects;
    const struct price_book *prices;
    struct batch *batch;
    struct customize *customize;
    struct evaluations *evaluations;
    struct advise_runs *advice;
    struct alarms *alarms;
    struct dashboards *dashboards;
    struct resources *profiles;
    struct resources *routers;
    struct invocations *invocations; /* NULL: there is no log */
    struct monitor *monitor;
    struct traces *traces;           /* NULL: none are sent */
    struct ledger_reads *reads; /* of the ledger, for questions */
    struct recents *recents;    /* requests that were answered lately */
    struct responses *responses; /* of OpenAI's API, that are kept */
    struct files *files;         /* of OpenAI's API, and those of batches */
    struct metrics *batch_metrics; /* of its records; the runner's thread counts */
    struct metrics *shadow_metrics; /* of answers that routers learn from; likewise */
    _Atomic(const struct server *) server;
    atomic_bool is_draining;
    struct registry *models;
    const struct work_shared *work;
    unsigned thread_count;
    _Atomic(struct api_thread *) threads[LIMIT_IO_THREADS];
};

#define CALL_OWN_HEADERS 2
#define CALL_FIRST_HEADERS 22

struct api_call {
    struct api_thread *thread;
    struct http_exchange *exchange;
    const struct dialect *dialect; /* that it is answered in */
    const struct api_operation *operation;
    size_t operation_index;
    const char *absent, *allowed_method; /* of no operation: operations.h */
    char request_id[UUID_LEN + 1];
    struct auth_identity identity;
    const struct sigv4_proof *proof; /* that the body still owes; NULL: none */
    const struct error *refusal;     /* by its headers; NULL: it may go on */
    struct str resource; /* the pattern's parameter, decoded */
    bool has_match;
    struct catalog_match match; /* after call_resolve_model */
    struct route *route;        /* likewise: through the router that was asked for; NULL: none was */
    struct str profile, profile_tags; /* likewise: the application profile that was asked for; empty: none */
    struct str source;                /* likewise: what the profile stands for, else the resource */
    struct metrics_usage usage; /* for the access log */
    bool has_cache;             /* the prompt was read... */
    struct chat_cache_use cache; /* ...and this is what its cache did */
    const char *tier, *tier_asked; /* that it is served in, and what was asked for; NULL: the operation has none */
    uint64_t cost;              /* picodollars, once the bill is closed */
    size_t metadata_count;
    struct ignored ignored;     /* members of the body that were left out of account */
    struct str traceparent, tracestate; /* of the reply, an error's too; empty: none */
    struct http_header *headers; /* of the reply; the first CALL_OWN_HEADERS are content type and request ID */
    size_t header_count, header_cap;
    struct http_header first_headers[CALL_FIRST_HEADERS]; /* where most calls have room enough */
};

/* In the exchange's arena; NULL when memory is out. */
struct api_call *call_new(struct api_thread *thread, struct http_exchange *exchange);

/* For auth_identify. */
struct auth_question call_question(const struct api_call *call);

/* Whether the body is what was signed, of a request whose headers were in order. Any thread. */
enum error_code call_prove(struct api_call *call, struct error *error) WARN_UNUSED;

/* The model of the path, or an error: the service's own words. */
enum error_code call_resolve_model(struct api_call *call, struct error *error) WARN_UNUSED;
const struct model *call_model(const struct api_call *call); /* NULL: none was resolved */
struct routing_asker call_asker(const struct api_call *call);

/* For bodies that differ from model to model: ERROR_INVALID where a router leads to models of several. */
enum error_code call_need_one_body(const struct api_call *call, struct error *error) WARN_UNUSED;

/* What a request has to know before its body is parsed, after the model is resolved. */
void call_prepare_request(struct api_call *call, struct chat_request *request);

/* The first of these headers that is there says whose turn of which conversation the request is: its metadata
 * "session". `names` ends with NULL. */
enum error_code call_note_session(const struct api_call *call, const char *const *names, struct chat_request *request,
                                  struct error *error) WARN_UNUSED;

/* Who asked for what, for the ledger; after the model is resolved. */
struct charge_subject call_subject(const struct api_call *call);

/* Where members that nobody here knows are noted, for call_add_ignored; NULL: they are refused. */
struct ignored *call_unknown_members(struct api_call *call);
/* Names in the reply the model that answered, and of several servers which. */
void call_add_answerer(struct api_call *call, const struct placement *placement);
/* Logs and names in the reply what of the body was ignored. */
void call_add_ignored(struct api_call *call);

/* Adds a header; strings must live until the reply. One that there is no memory for is missed in the log. */
void call_add_header(struct api_call *call, const char *name, struct str value);
void call_add_count_header(struct api_call *call, const char *name, uint64_t value);

/* What every reply says of the trace that the request is part of; strings as above. */
void call_add_trace(struct api_call *call, struct str traceparent, struct str tracestate);

/* Each answers, counts and logs the request; call and exchange are gone after. */
void call_respond(struct api_call *call, int status, struct str content_type, struct str body);
void call_respond_json(struct api_call *call, const struct buf *body); /* 200, or 500 when the buffer failed */
/* Zeroed, in the call's arena. NULL: there is no memory, and the call was answered so. */
void *call_alloc(struct api_call *call, size_t size);
#define CALL_NEW(call, type) ((type *)call_alloc((call), sizeof(type)))
void call_fail_no_memory(struct api_call *call);

/* As the client reads it: of refused authentication what that is, else the error's own. */
struct dialect_error call_shown_error(const struct api_call *call, const struct error *error);
/* Points of metrics come from lines of the ledger; of a request that has none they come from here. */
void call_note_refusal(const struct api_call *call, const struct error *error);

void call_fail(struct api_call *call, const struct error *error); /* by the name of identity.problem where it has one */
/* What has no code of ours: 404 for no operation, 405 (with `allow`, else NULL) for another method. */
void call_refuse(struct api_call *call, int status, const char *message, const char *allow);
/* The last event of a stream that has begun, unless `is_told`: the frames end with it. Frames that can't be built break
 * it off. */
void call_fail_stream(struct api_call *call, struct buf *frames, const struct error *error, bool is_told);

/* Starts a streamed 200 with the call's headers. */
void call_start_reply(struct api_call *call, const char *content_type);
/* The same, framed as its operation says. */
void call_start_stream(struct api_call *call);

/* Counts and logs a request whose reply somebody else writes or nobody can. */
void call_account(struct api_call *call, int status);
#define CALL_CLIENT_GONE 499

/* Operations, by file. */
void inference_run(struct api_call *call); /* all that ask a model for a reply */
void inference_refuse(struct api_call *call, const struct error *error); /* of them, by its headers alone */
void invoke_model(struct api_call *call); /* likewise, or for embeddings */
void count_tokens(struct api_call *call);
void control_list_foundation_models(struct api_call *call);
void control_get_foundation_model(struct api_call *call);
void profile_create(struct api_call *call);
void profile_get(struct api_call *call);
void profile_list(struct api_call *call);
void profile_delete(struct api_call *call);
void router_create(struct api_call *call);
void router_get(struct api_call *call);
void router_list(struct api_call *call);
void router_delete(struct api_call *call);
void batch_create_job(struct api_call *call);
void batch_get_job(struct api_call *call);
void batch_list_jobs(struct api_call *call);
void batch_stop_job(struct api_call *call);
void custom_create_job(struct api_call *call);
void custom_get_job(struct api_call *call);
void custom_list_jobs(struct api_call *call);
void custom_stop_job(struct api_call *call);
void custom_model_get(struct api_call *call);
void custom_model_list(struct api_call *call);
void custom_model_delete(struct api_call *call);
void custom_deployment_create(struct api_call *call);
void custom_deployment_get(struct api_call *call);
void custom_deployment_list(struct api_call *call);
void custom_deployment_update(struct api_call *call);
void custom_deployment_delete(struct api_call *call);
void evaluation_create_job(struct api_call *call);
void evaluation_get_job(struct api_call *call);
void evaluation_list_jobs(struct api_call *call);
void evaluation_stop_job(struct api_call *call);
void evaluation_delete_jobs(struct api_call *call);
void logging_put(struct api_call *call);
void logging_get(struct api_call *call);
void logging_delete(struct api_call *call);
void tag_resource(struct api_call *call);
void untag_resource(struct api_call *call);
void list_tags_for_resource(struct api_call *call);
void health_alive(struct api_call *call);
void health_ready(struct api_call *call);
void health_metrics(struct api_call *call);

#endif
