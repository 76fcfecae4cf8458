/* limits.h - every maximum of the program, in one place.
 *
 * LIMITS is the table: name, default, unit, what it bounds. Values can be set
 * in fulcrum.yaml under `limits:` by the same name and are printed by
 * `fulcrum limits`. limit(NAME) reads the value in force; it is set before
 * threads start and never changes after. LIMIT_* constants size fixed arrays
 * and can't be configured. */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define LIMITS(X)                                                                                            \
    X(body_bytes, 25000000, "bytes", "request body")                                                         \
    X(control_body_bytes, 1048576, "bytes", "request body of an operation that generates nothing")           \
    X(monitoring_body_bytes, 4194304, "bytes", "body of an operation of CloudWatch, unpacked")               \
    X(monitoring_reply_bytes, 268435456, "bytes", "reply of one, and what it is made of")                    \
    X(monitor_series, 10000, "metrics", "of a tenant's own; the same of each kind that the server makes")    \
    X(monitor_series_all, 200000, "metrics", "of all tenants")                                               \
    X(header_bytes, 32768, "bytes", "request line and headers together")                                     \
    X(header_count, 100, "headers", "headers of one request")                                                \
    X(uri_bytes, 8192, "bytes", "request target")                                                            \
    X(connections, 4096, "connections", "open client connections per I/O thread")                            \
    X(address_connections, 1024, "connections", "of them, those of one address")                             \
    X(streams_per_connection, 128, "streams", "concurrent HTTP/2 streams of one connection")                 \
    X(body_budget_bytes, 268435456, "bytes", "request bodies held by one I/O thread")                        \
    X(response_buffer_bytes, 4194304, "bytes", "unsent reply held for a slow reader before it is dropped")   \
    X(handshake_timeout_ms, 10000, "ms", "TLS handshake")                                                    \
    X(header_timeout_ms, 10000, "ms", "from first byte of a request to its last header")                     \
    X(body_timeout_ms, 30000, "ms", "request body that comes slower than body_rate_bytes")                   \
    X(body_rate_bytes, 4096, "bytes/s", "of a request body: who sends less runs out of body_timeout_ms")     \
    X(session_idle_ms, 43200000, "ms", "login to the console that nobody uses")                               \
    X(session_ms, 604800000, "ms", "login to the console, from its begin")                                   \
    X(login_failures, 10, "times", "that one address may give a wrong key within a minute")                  \
    X(idle_timeout_ms, 75000, "ms", "keep-alive connection without a request")                               \
    X(write_timeout_ms, 60000, "ms", "reader that takes no byte of a waiting reply")                         \
    X(first_token_timeout_ms, 600000, "ms", "queue and prefill of one request; flex and batch wait longer")  \
    X(stream_wait_ms, 15000, "ms", "without a first token, after which a stream says that it lives") \
    X(token_gap_timeout_ms, 60000, "ms", "between two tokens of one reply; flex and batch may stand still")  \
    X(drain_timeout_ms, 30000, "ms", "running requests after SIGTERM")                                       \
    X(queue_requests, 256, "requests", "of tier default waiting for one model; over it ThrottlingException") \
    X(priority_queue_requests, 256, "requests", "the same of tier priority, reserved included")              \
    X(flex_queue_requests, 1000, "requests", "the same of tier flex")                                        \
    X(batch_queue_requests, 1000, "requests", "of batch jobs, handed to one model's engine ahead of time")   \
    X(queue_deadline_ms, 300000, "ms", "tier default waiting to be begun; over it ThrottlingException")      \
    X(priority_deadline_ms, 60000, "ms", "the same of tier priority")                                        \
    X(flex_deadline_ms, 600000, "ms", "the same of tier flex")                                               \
    X(queue_tokens, 4194304, "tokens", "prompt tokens of one tier waiting for one model")                    \
    X(tier_age_ms, 20000, "ms", "without progress, after which a request is treated as of the tier above")   \
    X(batch_age_ms, 3600000, "ms", "the same of a request of a batch job")                                   \
    X(batch_step_ms, 25, "ms", "step of the engine with batch alone: who arrives waits for its end")         \
    X(parked_bytes, 536870912, "bytes", "states of preempted requests, besides what the cache has of them")  \
    X(prefill_chunk_tokens, 512, "tokens", "prompt tokens of one step while replies run")                    \
    X(messages, 10000, "messages", "messages of one request")                                                \
    X(response_cache_bytes, 67108864, "bytes", "answers that are kept to be given again; the least used go first") \
    X(response_cache_entries, 10000, "answers", "of them at most")                                           \
    X(response_cache_entry_bytes, 1048576, "bytes", "of one answer: a longer one is not kept")               \
    X(content_blocks, 20000, "blocks", "content blocks of one request")                                      \
    X(responses, 100000, "replies", "of OpenAI's Responses that are kept for one tenant; then the oldest go")    \
    X(responses_bytes, 1073741824, "bytes", "of them, with what was asked")                                  \
    X(responses_keep_ms, 2592000000, "ms", "that they are kept: 30 days")                                     \
    X(files, 10000, "files", "of OpenAI's files, and those of batches, that are kept for one tenant")        \
    X(files_bytes, 10737418240, "bytes", "of them")                                                          \
    X(files_keep_ms, 2592000000, "ms", "that a file of a batch is kept: 30 days")                            \
    X(upload_bytes, 536870912, "bytes", "one file, or one batch of messages, as it is sent")                 \
    X(uploads, 64, "requests", "that send one, under way on one I/O thread; over it ThrottlingException")    \
    X(tools, 1000, "tools", "tools of one request")                                                          \
    X(stop_sequences, 2500, "sequences", "stop sequences of one request")                                    \
    X(stop_sequence_bytes, 1024, "bytes", "one stop sequence")                                               \
    X(schema_rules, 20000, "rules", "grammar rules of one JSON schema")                                      \
    X(grammar_bytes, 1048576, "bytes", "grammar text of one request")                                        \
    X(worker_restart_burst, 10, "restarts", "quick restarts of a worker that keeps dying")                   \
    X(worker_retry_ms, 60000, "ms", "between its later restarts")                                            \
    X(worker_silence_ms, 10000, "ms", "worker, or its model thread, without a sign of life before it is killed") \
    X(message_documents, 5, "documents", "documents of one message")                                         \
    X(document_bytes, 4718592, "bytes", "one document, as it was sent")                                      \
    X(document_pages, 600, "pages", "one PDF")                                                               \
    X(document_text_bytes, 4194304, "bytes", "text of one document")                                         \
    X(document_zip_entries, 10000, "entries", "files inside one docx or xlsx file")                          \
    X(document_inflated_bytes, 268435456, "bytes", "what is read of one docx or xlsx file, unpacked")        \
    X(document_inflate_ratio, 400, "times", "unpacked size of a file inside one, past its first MiB")        \
    X(document_timeout_ms, 30000, "ms", "reading one document, and its time on the CPU")                     \
    X(document_memory_bytes, 536870912, "bytes", "address space of the process that reads one document")     \
    X(document_extractions, 2, "processes", "documents being read at once")                                  \
    X(document_queue, 64, "documents", "waiting to be read; over it ThrottlingException")                    \
    X(document_cache_bytes, 67108864, "bytes", "texts of documents kept for the next request")               \
    X(inference_profiles, 1000, "profiles", "application inference profiles of one tenant")                  \
    X(inference_profiles_all, 20000, "profiles", "application inference profiles in all")                    \
    X(prompt_routers, 500, "routers", "prompt routers of one tenant")                                        \
    X(prompt_routers_all, 20000, "routers", "prompt routers in all")                                         \
    X(shadow_queue, 256, "requests", "that routers learn from, waiting for other answers; else dropped")  \
    X(shadow_queue_bytes, 67108864, "bytes", "bodies and answers of them")                                   \
    X(shadow_in_flight, 4, "requests", "of them whose other answers are being made at once")                 \
    X(router_label_bytes, 67108864, "bytes", "labels of one router, after which a new file is begun")         \
    X(invocation_log_configs, 64, "configurations", "of invocation logging of one tenant, one in each region")       \
    X(invocation_log_configs_all, 4096, "configurations", "of invocation logging in all")                   \
    X(invocation_log_queue_bytes, 67108864, "bytes", "requests on their way to the invocation log's spool") \
    X(invocation_log_body_bytes, 102400, "bytes", "a body inside a record; a larger one is an object of its own") \
    X(invocation_log_batch_bytes, 8388608, "bytes", "records of one object, before they are compressed")      \
    X(invocation_log_flush_ms, 60000, "ms", "records that wait for others to share their object")            \
    X(invocation_log_retry_ms, 60000, "ms", "at most between two tries of a destination that fails")         \
    X(invocation_log_tenant_bytes, 268435456, "bytes", "of one tenant's records on the disk; over it they are lost") \
    X(invocation_log_spool_bytes, 1073741824, "bytes", "the same of all tenants")                            \
    X(batch_job_records, 100000, "records", "records of one batch job")                                      \
    X(batch_file_records, 100000, "records", "records of one input file of a batch job")                     \
    X(batch_job_bytes, 5368709120, "bytes", "input files of one batch job together")                         \
    X(batch_file_bytes, 1073741824, "bytes", "one input file of a batch job")                                \
    X(batch_job_files, 10000, "files", "input files of one batch job")                                       \
    X(batch_record_bytes, 25000000, "bytes", "one line of an input file")                                    \
    X(batch_model_jobs, 100, "jobs", "a tenant's batch jobs on one model that have not ended")               \
    X(batch_running_jobs, 8, "jobs", "batch jobs that are validated and computed at once")                   \
    X(batch_in_flight, 32, "records", "records of batch jobs that one model is given at once")               \
    X(batch_in_flight_bytes, 67108864, "bytes", "lines of records on their way, after which none is begun")  \
    X(batch_record_tries, 3, "times", "a record whose engine died is tried before it is an error")           \
    X(batch_models, 64, "models", "that the records of one batch job ask for")                              \
    X(batch_relay_records, 10, "records", "of a job for one upstream's model, below which none is relayed")   \
    X(batch_relay_bytes, 104857600, "bytes", "of lines that are relayed as one batch")                       \
    X(batch_relay_poll_ms, 5000, "ms", "before a relayed batch is looked at first; later ever longer")       \
    X(batch_relay_poll_max_ms, 300000, "ms", "the same at most")                                             \
    X(eval_jobs, 20, "jobs", "a tenant's evaluation jobs that have not ended")                               \
    X(advice_seconds, 600, "s", "a run of the advisor over the server's own data; a longer one is ended")    \
    X(advice_memory_bytes, 2147483648, "bytes", "address space of such a run")                               \
    X(eval_running_jobs, 8, "jobs", "evaluation jobs that run at once")                                      \
    X(eval_rows, 100000, "rows", "of one evaluation")                                                        \
    X(eval_row_bytes, 1048576, "bytes", "one line of its data")                                              \
    X(eval_file_bytes, 268435456, "bytes", "one file of its data")                                           \
    X(customization_prompts_min, 100, "lines", "good lines of a customization job's training data, at least") \
    X(customization_prompts, 15000, "lines", "the same at most")                                             \
    X(customization_duplicate_percent, 80, "percent", "likeness from which on a synthetic prompt is a duplicate") \
    X(customization_off_topic_percent, 5, "percent", "of real prompts: synthetic ones may be no further from all") \
    X(customization_line_bytes, 16384, "bytes", "one line of training data; a longer one is left out")       \
    X(customization_file_bytes, 2147483648, "bytes", "one file of training data")                            \
    X(customization_files, 10000, "files", "of training data of one job")                                    \
    X(customization_rejected, 20000, "lines", "that validation leaves out are listed with their reason")      \
    X(customization_model_jobs, 20, "jobs", "a tenant's customization jobs on one base model that have not ended") \
    X(custom_models, 100, "models", "custom models of one tenant")                                           \
    X(custom_models_all, 10000, "models", "custom models in all")                                            \
    X(custom_deployments, 100, "deployments", "of custom models, of one tenant")                             \
    X(custom_deployments_all, 10000, "deployments", "of custom models in all")                               \
    X(upstream_event_bytes, 8388608, "bytes", "one event of an upstream's stream")                           \
    X(upstream_reply_bytes, 67108864, "bytes", "reply of an upstream that comes whole")                      \
    X(upstream_unread_bytes, 262144, "bytes", "of an upstream's stream, ahead of its client: then it waits") \
    X(upstream_connections, 256, "connections", "kept open to upstreams by one I/O thread while nothing runs") \
    X(affinity_blocks, 262144, "blocks", "of 512 bytes of prompts that a pool of replicas remembers: 40 bytes each") \
    X(marks_prefixes, 16384, "prefixes", "of prompts that an upstream remembers, to place marks of its cache")       \
    X(replica_metrics_bytes, 4194304, "bytes", "metrics of a replica of a pool, of one scrape")              \
    X(kv_bytes, 536870912, "bytes", "live KV cells of one worker")                                           \
    X(object_bytes, 5368709120, "bytes", "one object written in one piece, or one part of an upload")        \
    X(object_upload_bytes, 53687091200, "bytes", "one object made of parts")                                 \
    X(object_requests, 256, "requests", "on objects, under way on one I/O thread; over it SlowDown")         \
    X(object_document_bytes, 4194304, "bytes", "XML of one request on objects")                              \
    X(object_part_min_bytes, 5242880, "bytes", "a part of an upload but the last")                           \
    X(ledger_journal_bytes, 1073741824, "bytes", "ledger lines that ledger.db did not take yet")             \
    X(disk_reserve_bytes, 67108864, "bytes", "of the data directory's disk for the ledger alone; an eighth at most")

struct limits {
#define LIMIT_FIELD(name, value, unit, what) uint64_t name;
    LIMITS(LIMIT_FIELD)
#undef LIMIT_FIELD
};

extern struct limits limits_in_force;
#define limit(name) (limits_in_force.name)

struct limit_row {
    const char *name, *unit, *what;
    uint64_t default_value;
    size_t offset; /* into struct limits */
};
const struct limit_row *limits_rows(size_t *count);
bool limits_set(struct str name, uint64_t value); /* false: no such limit */

#define LIMIT_JSON_DEPTH 64
#define LIMIT_MODELS 4096           /* names that one server knows */
#define LIMIT_WORKERS 1024          /* processes of models at once */
#define LIMIT_MODEL_VERSIONS 65536  /* that are added to one server */
#define LIMIT_IO_THREADS 64
#define LIMIT_UPSTREAMS 256         /* in fulcrum.yaml */
#define LIMIT_UPSTREAM_MODELS 256   /* of one upstream */
#define LIMIT_PARALLEL 256 /* LLAMA_MAX_SEQ */
#define LIMIT_ROUTE_ROWS 2000000           /* of router data that a predictor is trained on */
#define LIMIT_ROUTE_DATA_BYTES (4ULL << 30) /* of the file with them */
#define LIMIT_SHADOW_BODY_BYTES 1048576     /* of a request that routers learn from: larger ones are left out */
#define LIMIT_EVAL_WORDS 16384              /* of one text that metrics compare */
#define LIMIT_EVAL_FLAWS 1000               /* lines of a data set that are named as left out */
#define LIMIT_EVAL_REPORT_ROWS 500          /* of two models that differ, in a report */
#define LIMIT_EVAL_REPORT_TEXT 16384        /* bytes of one text in it */
#define LIMIT_CACHE_POINTS 4
#define LIMIT_EXTRAS 256                    /* members of one body that are kept for who knows them */
#define LIMIT_IGNORED_PATHS 16              /* unknown members of one body that are named */
#define LIMIT_IGNORED_PATH_BYTES 160
#define LIMIT_IGNORED_LOGGED 256            /* that the log names, each once */
#define LIMIT_GRAMMAR_NODES 500000u        /* of one compiled grammar */
#define LIMIT_GRAMMAR_GROUPS 64u           /* inside each other */
#define LIMIT_GRAMMAR_DEPTH 1000u          /* rules inside rules while a reply is made; a bracket counts for 16 */
#define LIMIT_GRAMMAR_SETS 65536u          /* places that a reply's grammar remembers at most */
#define LIMIT_GRAMMAR_FRAMES 524288u       /* in all of them */
#define LIMIT_GRAMMAR_ROWS 8192u           /* of them, with what each byte makes of them: 1 KiB each */
#define LIMIT_GRAMMAR_WORK_FIRST 5000000u  /* operations of one reply's grammar at once */
#define LIMIT_GRAMMAR_WORK_TOKEN 250000u   /* and in the mean for a token */
#define LIMIT_PROMPT_MEMO_ENTRIES 64u      /* prompts that a worker was asked about and keeps the tokens of */
#define LIMIT_PROMPT_MEMO_BYTES 16777216u  /* text and tokens of all of them */
#define LIMIT_MONITOR_SKETCH 1024          /* buckets that values are counted in for percentiles, at most */
#define LIMIT_MONITOR_POINTS 100800u       /* of one metric in one answer */
#define LIMIT_MATH_EXPRESSION 2048         /* characters of one expression of metric math */
#define LIMIT_MATH_ID 255
#define LIMIT_MATH_DEPTH 64                /* brackets and signs inside each other */
#define LIMIT_MATH_NODES 65536             /* parts of all expressions of one request */
#define LIMIT_MATH_SERIES 500              /* of one array */
#define LIMIT_MATH_POINTS (UINT64_C(1) << 24) /* held at once by the expressions of one request: 8 bytes each */
#define LIMIT_MATH_WORK (UINT64_C(1) << 26) /* points that they may compute */
#define LIMIT_METRIC_DIMENSIONS 30         /* of one metric */
#define LIMIT_SEARCH_BYTES 1024            /* of a search for metrics */
#define LIMIT_SEARCH_NODES 256
#define LIMIT_SEARCH_DEPTH 16
#define LIMIT_CONFIG_BYTES 1048576        /* fulcrum.yaml */
#define LIMIT_CONFIG_MEMORY_BYTES 33554432/* what is kept of it */
#define LIMIT_TENANTS 4096
#define LIMIT_TENANT_KEYS 64
#define LIMIT_TENANT_BEARERS 4096
#define LIMIT_TENANT_SESSIONS 64 /* logins to the console of one tenant at once; the oldest ends */
#define LIMIT_INVOCATION_FILES 65536 /* that wait to be delivered as objects of the invocation log */
#define LIMIT_INVOCATION_CLOSE_MS 5000 /* that the end of the server waits for them */
#define LIMIT_ROUTERS 256 /* in fulcrum.yaml */
#define LIMIT_ADVICE_KEPT 16                /* results of the advisor that a server remembers */
#define LIMIT_ADVICE_BYTES 4194304u         /* of one */
#define LIMIT_ADVISE_LINE_BYTES 67108864u   /* of one line, or one JSON value, of a log that the advisor reads */
#define LIMIT_ADVISE_BODY_BYTES 33554432u   /* of a body that lies beside its record */
#define LIMIT_ADVISE_FOLDERS 64             /* inside each other */
#define LIMIT_ADVISE_BLOCKS_READ 8192       /* of one prompt; what is more counts to the last one */
#define LIMIT_ADVISE_BLOCKS 64              /* of one prompt that are kept as hashes: those in the middle become one */
#define LIMIT_ADVISE_GROUPS 4096            /* tenants times models; of more the rest is one */
#define LIMIT_ADVISE_TEMPLATES 1024         /* prompts that are told apart */
#define LIMIT_ADVISE_TEMPLATES_GROUP 24     /* of one tenant and model */
#define LIMIT_ADVISE_TEMPLATE_BYTES 32768   /* of a prompt that is compared with others */
#define LIMIT_ADVISE_SORT_BYTES 1048576u   /* of rows that are sorted at once; the others lie in a file */
#define LIMIT_ADVISE_PREFIXES 1048576u      /* that a replay remembers at once */
#define LIMIT_ADVISE_BURSTS 256             /* of one kind of request */
#define LIMIT_ADVISE_TABLE_COLUMNS 1024     /* of a comma-separated file; bills of AWS have one for each tag */
#define LIMIT_RECONCILE_CELLS 65536         /* models times days, or hours, compared with a provider's report */
#define LIMIT_RECONCILE_MODELS 4096         /* names of models in it, and in the ledger's lines beside it */
#define LIMIT_RECONCILE_PAGE_BYTES 67108864u /* of one page of it, or one row of a bill */
#define LIMIT_RECONCILE_PAGES 10000         /* that follow each other */
#define LIMIT_ESCALATE_HOLD 1024 /* tokens of a stream that a router may hold back */
#define LIMIT_ALARM_ACTION_BYTES 1024      /* of the ARN or address of an action */
#define LIMIT_ALARM_DESCRIPTION 1024
#define LIMIT_ALARM_NAME 255
#define LIMIT_ALARM_HOOKS 256              /* web hooks in fulcrum.yaml, and addresses that are allowed */
#define LIMIT_ALARM_HOOK_REPLY 65536       /* bytes of a web hook's answer */
#define LIMIT_ALARM_TRIES 12               /* of one action: about an hour, the pause doubles up to the one below */
#define LIMIT_ALARM_PAUSE_MAX_S 600
#define LIMIT_ALARMS 1000 /* alarms of one tenant */
#define LIMIT_ALARMS_ALL 10000 /* alarms in all */
#define LIMIT_ALARM_HISTORY 500 /* of the history of one alarm; the oldest go */
#define LIMIT_ALARM_HISTORY_ALL 100000 /* of the history of all alarms */
#define LIMIT_ALARM_ACTIONS 1000 /* that wait for their web hooks; more are given up */
#define LIMIT_DASHBOARDS 500 /* dashboards of one tenant */
#define LIMIT_LOGPROBS 1048576 /* probabilities of tokens that all replies of a request may have */
#define LIMIT_KEYS 20000 /* virtual keys, revoked ones included */
#define LIMIT_KEY_MODELS 64 /* models that a virtual key may be bound to */
#define LIMIT_KEY_TAGS 16 /* tags of a virtual key */
#define LIMIT_BUDGETS 20000 /* that were made while the server runs or before */
#define LIMIT_BUDGET_TAGS 64 /* tags with budgets of one tenant in fulcrum.yaml */
#define LIMIT_BUDGETS_HELD 64 /* budgets that hold for one request */
#define LIMIT_DASHBOARDS_ALL 10000 /* dashboards in all */
#define LIMIT_DASHBOARD_BYTES 1048576 /* body of one dashboard */

#endif
