/* wire.h - what the kinds of upstreams differ in besides their bodies: paths,
 * headers, credentials, errors. Any thread. */
#ifndef UPSTREAM_WIRE_H
#define UPSTREAM_WIRE_H

#include "chat/codec.h"
#include "upstream/transport.h"
#include "upstream/upstreams.h"

enum wire_use {
    WIRE_REPLY, /* streamed */
    WIRE_COUNT, /* the tokens of a prompt */
    WIRE_EMBED, /* embeddings */
    WIRE_LIST,  /* which models there are: costs nothing */
    WIRE_METRICS, /* of a local server, beside its API */
    WIRE_PATH, /* wire_ask.path: what is no question to a model */
    WIRE_USES,
};

struct wire_ask {
    enum wire_use use;
    const char *model; /* as the upstream calls it */
    const char *path;  /* of WIRE_PATH: below its URL */
    const char *content_type; /* of the body; NULL: JSON */
    struct str body;
    const char *hash;      /* SHA-256 of the body in hex; NULL: nobody made it */
    struct str api_version; /* of Anthropic's API, as the client has it; data NULL: it said none */
    struct str betas;       /* likewise */
};

const struct codec *wire_codec(enum upstream_kind kind); /* NULL: nobody registered it */
enum codec_framing wire_framing(enum upstream_kind kind);
/* Whether its API has such a request. */
bool wire_can(const struct upstream *upstream, enum wire_use use);
bool wire_wants_hash(const struct upstream *upstream); /* of bodies: it is signed */

/* Fills url, headers, body and timeouts; strings lie in the arena. */
enum error_code wire_write(const struct replica *replica, const struct wire_ask *ask, struct arena *arena,
                           struct transfer_request *request, struct error *error) WARN_UNUSED;

/* Of a reply that is no success: the error's name by its API, and its message. Slices of `doc`, which is the caller's
 * to free (json_free, NULL is legal), and of the head. */
struct wire_failure {
    struct str name, message;
};
struct wire_failure wire_failure(const struct transfer_head *head, struct str body, yyjson_doc **doc);

/* What it calls the request; data NULL: nothing. */
struct str wire_request_id(const struct transfer_head *head);

/* Whether the text may be shown or logged: it does not hold the upstream's secret. */
bool wire_is_harmless(const struct upstream *upstream, struct str text);

#endif
