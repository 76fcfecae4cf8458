/* operations.h - from method and path to an operation. Pure functions, any thread, once all tables are there.
 *
 * A pattern is literal text and {parameters}. A parameter is one raw path segment; when nothing matches so, it may
 * span slashes, for clients that send an ARN without encoding it.
 *
 * Operations stand in tables, one for each dialect, which lie with what speaks it; operations.c lists them. */
#ifndef API_OPERATIONS_H
#define API_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#include "core/error.h"
#include "core/str.h"

struct api_call;
struct chat_reply;
struct chat_request;
struct codec;
struct dialect;
struct dialect_framing;

/* Headers that belong to an operation's requests and replies. */
struct operation_headers {
    enum error_code (*parse)(struct api_call *call, bool is_stream, struct chat_request *request, struct error *error);
    /* When the reply begins, and of a whole one; NULL: nothing is said there. */
    void (*add)(struct api_call *call, const struct chat_request *request, bool is_stream);
    void (*add_usage)(struct api_call *call, const struct chat_reply *reply);
};

/* Of operations whose replies are kept for a while, and whose bodies may refer to them. */
struct operation_memory {
    bool (*refers)(yyjson_val *root); /* this body does */
    /* What it refers to, before it is parsed: request->earlier. On a thread that may wait. */
    enum error_code (*bring)(struct api_call *call, yyjson_val *root, struct chat_request *request,
                             struct error *error);
    bool (*keeps)(const struct chat_request *request); /* its reply is to be kept */
    /* On the call's thread, of a request whose reply is whole: in the exchange's arena, what is kept besides it. NULL:
     * nothing is to be kept. */
    void *(*note)(struct api_call *call, const struct chat_request *request);
    /* On a thread that may wait, before the reply's last byte. What fails is logged. */
    void (*keep)(void *noted, struct str reply);
};

struct api_operation {
    const char *method, *pattern; /* "/model/{modelId}/converse" */
    const char *name;
    void (*handle)(struct api_call *call); /* NULL: not served, refused by name */
    bool is_open;                          /* asks for no credentials */
    bool needs_admin;                      /* with tenants: a credential or a session with that role */
    bool is_upload;    /* its body goes to a file, and `handle` ends that (upload.h) */
    bool takes_prompt; /* its body may be large: the handler proves and reads it itself (body.h) */
    /* Of operations that ask a model for a reply (inference_run) or have its prompt counted (count_tokens). */
    const struct codec *codec;             /* of their bodies; NULL: that of the model's own, or, to count, Bedrock's */
    const struct dialect_framing *framing; /* of their stream; NULL: they never stream */
    const struct operation_headers *headers; /* NULL: none of their own */
    const struct operation_memory *memory;   /* NULL: they have none */
    bool logs_whole; /* the invocation log has the whole reply, as the operation without a stream would give it */
};

struct absent_operation {
    const char *method, *pattern, *name;
};

struct operations_table {
    const struct dialect *dialect;
    const char *prefix; /* of the paths whose broken requests the dialect answers: "/v1/"; "": of all others */
    const char *mount; /* before its paths where they stand a second time: "/anthropic"; NULL: nowhere */
    const struct api_operation *rows;
    size_t count;
    /* Known, so that they are refused by their own name; ends with a row without one. May be NULL. */
    const struct absent_operation *absent;
};

/* One table more, which must outlive the process; before threads start. */
#define OPERATIONS_TABLES_MAX 12
void operations_add(const struct operations_table *table);

/* Operations are numbered over all tables, for metrics. */
size_t operations_count(void);
const struct api_operation *operations_at(size_t index);
size_t operations_s3_index(void); /* all of S3 is one row */

/* True when the path fits; *parameter is the text of the last {parameter}, still encoded. */
bool operations_path_matches(const char *pattern, struct str path, bool spans_slashes, struct str *parameter);

struct operations_match {
    const struct api_operation *operation; /* NULL: none */
    size_t index;                          /* of the operation, over all tables */
    const struct dialect *dialect;         /* the operation's or its path's; never NULL */
    struct str parameter;
    const char *absent;          /* not served, but known by this name */
    const char *allowed_method;  /* the path exists, for this method only */
};
struct operations_match operations_find(struct str method, struct str path);

/* For a request that broke a rule of HTTP: by the longest prefix. Never NULL. */
const struct dialect *operations_dialect(struct str path);

#endif
