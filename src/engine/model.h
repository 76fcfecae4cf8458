/* model.h - one loaded language model and its KV cells: our own, small view of llama.cpp.
 *
 * model.c is the only file that includes llama.h. Everything that touches the
 * context (batch, decode, sequences, logits, threads) belongs to one thread,
 * the model thread; the tokenizer functions and model_facts may be called from
 * any thread once the model is loaded.
 *
 * All sequences share one pool of cells, so a prefix may belong to several of
 * them (model_seq_copy costs no memory). ggml aborts the process on a broken
 * invariant: callers keep to the limits stated here. */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "engine/vocabulary.h"

struct model;

enum model_state_kind {
    MODEL_STATE_ATTENTION, /* can be cut at any position */
    MODEL_STATE_WINDOW,    /* sliding window: only snapshots */
    MODEL_STATE_HYBRID,
    MODEL_STATE_RECURRENT,
};

struct model_options {
    const char *path;    /* NULL: load from `bytes` */
    struct str bytes;    /* a GGUF file in memory, copied */
    const char *adapter; /* GGUF file of a LoRA adapter; NULL: none */
    uint32_t context;    /* tokens per sequence; 0: the model's own, at most MODEL_CONTEXT_DEFAULT */
    uint32_t parallel;   /* sequences at once; 0: MODEL_PARALLEL_DEFAULT */
    uint32_t batch;      /* most tokens of one decode; 0: MODEL_BATCH_DEFAULT */
    uint32_t threads;    /* most threads; 0: by size and cores */
    uint64_t kv_bytes;   /* most memory for cells; at least one context always fits. 0: no limit */
};

#define MODEL_CONTEXT_DEFAULT 8192u
#define MODEL_PARALLEL_DEFAULT 16u
#define MODEL_INPUTS 64u /* the same of models that make embeddings, whatever is said: an input takes no memory */
#define MODEL_BATCH_DEFAULT 512u
#define MODEL_SMALL_PARAMETERS 50000000u /* below it one thread is fastest on a shared machine */

struct model_facts {
    char fingerprint[65]; /* SHA-256 of the file, and of the adapter's behind it */
    char architecture[32];
    uint64_t parameters;
    uint32_t vocabulary;
    uint32_t context;     /* tokens per sequence */
    uint32_t parallel;    /* sequences 0 .. parallel - 1 are for running requests */
    uint32_t scratch;     /* one more sequence, that states pass through */
    uint32_t batch;
    uint32_t tile;        /* queries that attention takes together once a batch has so many; 0: no such number */
    uint32_t cells;       /* KV cells of all sequences together */
    uint32_t embedding;   /* it makes embeddings of so many values, and writes nothing; 0: it writes text */
    uint32_t threads;     /* most this model should use */
    uint32_t piece_max;   /* bytes of the longest token */
    enum model_state_kind state_kind;
    /* A token's logits depend on the tokens before it in its sequence alone, to the bit: not on who else is in the
     * batch, on the pieces in which its prompt was read, on whether its state was stored meanwhile, nor on threads. */
    bool is_row_independent;
    char row_hindrance[96]; /* the first operation that prevents it; "" */
    char state_format[64]; /* two contexts with the same one can read each other's states of this model */
    const char *chat_template; /* "" without */
    const char *begin_text, *end_text; /* of the tokens that begin and end a sequence, "" without */
};

enum error_code model_load(const struct model_options *options, struct model **model, struct error *error) WARN_UNUSED;
/* The tokenizer functions and model_vocabulary only; no weights are read. Of the facts: architecture, vocabulary,
 * piece_max and those of the template. */
enum error_code model_load_vocabulary(const char *path, struct model **model, struct error *error) WARN_UNUSED;
void model_free(struct model *model);
const struct model_facts *model_facts(const struct model *model);
const struct vocabulary *model_vocabulary(const struct model *model); /* for grammars; any thread */
/* Thread ids (as in /proc/self/task) of the compute threads, the caller's own first. */
size_t model_compute_tasks(const struct model *model, uint32_t *tasks, size_t cap);

/* --- tokenizer: any thread ---------------------------------------------------------------------------- */

typedef int32_t model_token;

struct model_tokens { /* growable; zero is empty */
    model_token *items;
    size_t count, cap;
};
void model_tokens_deinit(struct model_tokens *tokens);

/* Appends the beginning-of-sequence token if the model wants one. */
enum error_code model_tokenize_begin(const struct model *model, struct model_tokens *tokens,
                                     struct error *error) WARN_UNUSED;
/* Appends the tokens of text; special tokens are recognised only in template text. */
enum error_code model_tokenize(const struct model *model, struct str text, bool is_template,
                               struct model_tokens *tokens, struct error *error) WARN_UNUSED;
#define MODEL_PIECE_MAX 512
/* Of an input to embed: with the tokens that the model wants around it; no special tokens are recognised in it. */
enum error_code model_tokenize_input(const struct model *model, struct str text, struct model_tokens *tokens,
                                     struct error *error) WARN_UNUSED;
/* Bytes of a token ("" for special ones), not NUL-terminated, maybe part of a character. */
size_t model_piece(const struct model *model, model_token token, char out[MODEL_PIECE_MAX]);
size_t model_marker(const struct model *model, model_token token, char out[MODEL_PIECE_MAX]); /* of a special one */
bool model_is_end(const struct model *model, model_token token); /* ends the reply */

/* --- decoding: model thread --------------------------------------------------------------------------- */

enum model_result {
    MODEL_OK,
    MODEL_NO_CELLS, /* nothing changed */
    MODEL_BROKEN,   /* the batch is lost */
};

void model_batch_clear(struct model *model);
uint32_t model_batch_count(const struct model *model);
/* Positions of a sequence must continue without a gap. At most facts.batch tokens. */
void model_batch_add(struct model *model, model_token token, uint32_t position, uint32_t sequence, bool wants_logits);
enum model_result model_decode(struct model *model) WARN_UNUSED;
/* logits[vocabulary] of the batch's token `index`, which wanted them. Until the next decode. */
float *model_logits(struct model *model, uint32_t index);
/* values[facts.embedding] of a sequence that was in the last decode with all its tokens, as the model pools them, not
 * normalised; of a model that makes embeddings. NULL: there are none. Until the next decode. */
const float *model_embedding(struct model *model, uint32_t sequence);
void model_set_threads(struct model *model, uint32_t threads);

/* Sequences 0 .. facts.scratch. */
#define MODEL_SEQUENCES 256u
void model_seq_clear(struct model *model, uint32_t sequence);
void model_seq_copy(struct model *model, uint32_t from, uint32_t to, uint32_t begin, uint32_t end);
/* False: this kind of state can't be cut there. */
bool model_seq_cut(struct model *model, uint32_t sequence, uint32_t begin);
void model_clear(struct model *model);                          /* all sequences; cells are used from the front again */

/* Whole state of one sequence, for a store on the host. Sizes in bytes, 0: failed. */
size_t model_state_size(struct model *model, uint32_t sequence);
size_t model_state_get(struct model *model, uint32_t sequence, void *out, size_t cap);
size_t model_state_set(struct model *model, uint32_t sequence, const void *data, size_t len);

#endif
