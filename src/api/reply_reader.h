/* reply_reader.h - what dialects read the streams of upstreams with: frames of
 * both kinds into events, events into blocks. A dialect gives the function that
 * knows its events; everything else is here, behind the functions of
 * chat/codec.h. Nothing here trusts its bytes: what an upstream does wrong is
 * ERROR_MODEL. One thread at a time. */
#ifndef API_REPLY_READER_H
#define API_REPLY_READER_H

#include "api/fields.h"
#include "api/sse.h"
#include "chat/codec.h"

struct reply_reader;

/* One event: its name (of the frame; may be empty) and its JSON. */
typedef enum error_code (*reply_event_taker)(struct reply_reader *reader, struct str type, yyjson_val *root,
                                             struct error *error);

struct reply_reader {
    struct codec_reader common; /* the first member */
    reply_event_taker take;
    enum codec_framing framing;
    struct sse_reader sse;
    struct buf pending; /* of the event stream: a message that is not whole yet */
    struct arena arena; /* strings of common.reply and of the block that is open */
    struct error failed; /* once a piece was refused, all are */

    size_t block_count; /* begun so far; the last of them is the one that is open */
    bool is_open;
    enum chat_block_kind kind;
    int64_t place;       /* of the open or the last block, in the upstream's count; -1: there was none */
    size_t calls;        /* chat completions: of tools, begun so far */
    bool has_refusal;    /* likewise: words of one have come */
    int64_t skipped;     /* the place of a block of a kind that nobody here knows; -1: none */
};

struct codec_reader *reply_reader_open(const struct codec *codec, reply_event_taker take, enum codec_framing framing,
                                       const struct chat_sink *sink);
enum error_code reply_reader_feed(struct codec_reader *reader, struct str bytes, struct error *error) WARN_UNUSED;
enum error_code reply_reader_finish(struct codec_reader *reader, struct error *error) WARN_UNUSED;
void reply_reader_close(struct codec_reader *reader);

/* --- for dialects' events --------------------------------------------------------------------------- */

/* A copy that lives as long as the reader; empty when memory is out, which the next event tells. */
struct str reply_keep(struct reply_reader *reader, struct str text);

/* The block at `place` of that kind is the open one: goes on, or opens behind whatever was open. Blocks that are mixed
 * are refused. */
enum error_code reply_block(struct reply_reader *reader, int64_t place, enum chat_block_kind kind, struct str id,
                            struct str name, struct error *error) WARN_UNUSED;
void reply_piece(struct reply_reader *reader, enum chat_block_kind kind, struct str text); /* of it; "" is none */
void reply_cites(struct reply_reader *reader, const struct chat_citation *citation);
void reply_block_stop(struct reply_reader *reader);
void reply_over(struct reply_reader *reader);

/* What an upstream says went wrong, by the name it gives it. */
enum error_code reply_failure(struct str name, struct str message, struct error *error) WARN_UNUSED;
enum error_code reply_malformed(struct error *error, const char *what) WARN_UNUSED;

/* --- whole replies ---------------------------------------------------------------------------------- */

/* Room for `count` blocks of a reply, counted against the limit of a request's. */
enum error_code reply_blocks(struct arena *arena, size_t count, struct chat_reply_block **blocks,
                             struct error *error) WARN_UNUSED;

/* A tool's input as JSON text. */
enum error_code reply_input(yyjson_val *input, struct arena *arena, struct str *text, struct error *error) WARN_UNUSED;

#endif
