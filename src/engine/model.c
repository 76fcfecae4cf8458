/* model.c - the only file that includes llama.h; see model.h.
 *
 * Compiled with -fexceptions: llama.cpp's exceptions pass through the small
 * guarded functions here (run_...) up to guard_call. */
#include "engine/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <llama.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/log.h"
#include "core/must.h"
#include "core/util.h"
#include "engine/broker.h"
#include "engine/guard.h"
#include "engine/row_independence.h"

#ifndef FULCRUM_BACKEND_DIR
#error "FULCRUM_BACKEND_DIR must name the directory of ggml's backends"
#endif

#define TASKS_MAX 128
#define ATTENTION_TILE 64u /* GGML_FA_TILE_Q of ggml-cpu/common.h, which no header exports */

struct model {
    struct llama_model *llama;
    struct llama_adapter_lora *adapter; /* NULL: none; freed with the model */
    struct llama_context *context;
    const struct llama_vocab *vocab;
    struct llama_batch batch;
    struct model_facts facts;
    struct arena arena; /* strings of facts */
    ggml_threadpool_t pool;
    uint32_t tasks[TASKS_MAX];
    size_t task_count;
    uint32_t threads;
    struct vocabulary *vocabulary;
};

/* --- backends --------------------------------------------------------------------------------------- */

static void on_llama_log(enum ggml_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    if (level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN) {
        const struct str line = str_trim(str_of(text));
        log_event(level == GGML_LOG_LEVEL_ERROR ? LOG_ERROR : LOG_DEBUG, "llama", LOG_S("text", line));
    }
}

/* The directory holds the CPU variants (and a GPU backend, if built), never the
 * BLAS one: it dequantises weights for every batch and is slower to serve with. */
static void load_backends(void)
{
    llama_log_set(on_llama_log, NULL);
    const char *dir = getenv("FULCRUM_BACKENDS");
    ggml_backend_load_all_from_path(dir != NULL ? dir : FULCRUM_BACKEND_DIR);
    llama_backend_init();
}

static void *backend_function(const char *name)
{
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    return device == NULL ? NULL : ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), name);
}

static size_t list_tasks(uint32_t *tasks, size_t cap)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        uint64_t id;
        if (count < cap && str_to_u64(str_of(entry->d_name), &id))
            tasks[count++] = (uint32_t)id;
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static bool holds(const uint32_t *tasks, size_t count, uint32_t task)
{
    for (size_t i = 0; i < count; i++)
        if (tasks[i] == task)
            return true;
    return false;
}

/* A pool of our own with polling off: ggml's default spins for work between
 * steps and takes the core from the front thread. The pool's functions live in
 * the backend that was loaded at run time. The new threads are found by
 * comparing the process's tasks before and after. */
static void make_pool(struct model *model)
{
    uint32_t before[TASKS_MAX], after[TASKS_MAX];
    model->tasks[model->task_count++] = (uint32_t)gettid();
    if (model->facts.threads < 2)
        return;
    struct ggml_threadpool *(*pool_new)(struct ggml_threadpool_params *) = NULL;
    *(void **)&pool_new = backend_function("ggml_threadpool_new");
    if (pool_new == NULL)
        return;
    struct ggml_threadpool_params params;
    ggml_threadpool_params_init(&params, (int)model->facts.threads);
    params.poll = 0;
    const size_t before_count = list_tasks(before, TASKS_MAX);
    model->pool = pool_new(&params);
    const size_t after_count = list_tasks(after, TASKS_MAX);
    for (size_t i = 0; i < after_count && model->task_count < TASKS_MAX; i++)
        if (!holds(before, before_count, after[i]))
            model->tasks[model->task_count++] = after[i];
    llama_attach_threadpool(model->context, model->pool, model->pool);
}

static void free_pool(struct model *model)
{
    void (*pool_free)(struct ggml_threadpool *) = NULL;
    *(void **)&pool_free = backend_function("ggml_threadpool_free");
    if (model->pool != NULL && pool_free != NULL)
        pool_free(model->pool);
}

/* --- loading ---------------------------------------------------------------------------------------- */

/* An anonymous file with the bytes, since llama.cpp reads from a FILE. */
static FILE *open_bytes(struct str bytes)
{
    const int fd = memfd_create("fulcrum-model", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < bytes.len) {
        const ssize_t count = write(fd, bytes.data + done, bytes.len - done);
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    FILE *file = fd >= 0 && done == bytes.len && lseek(fd, 0, SEEK_SET) == 0 ? fdopen(fd, "rb") : NULL;
    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

static enum error_code open_model(const struct model_options *options, FILE **file, struct error *error)
{
    *file = options->path != NULL ? fopen(options->path, "rbe") : open_bytes(options->bytes);
    if (*file == NULL)
        return error_set_errno(error, ERROR_INVALID, errno, "cannot open %s",
                               options->path != NULL ? options->path : "the embedded file");
    return OK;
}

static enum error_code digest_file(EVP_MD_CTX *digest, FILE *file, void *chunk, size_t cap, struct error *error)
{
    for (size_t count; (count = fread(chunk, 1, cap, file)) > 0;)
        EVP_DigestUpdate(digest, chunk, count);
    return ferror(file) ? error_set(error, ERROR_IO, "reading the model failed") : OK;
}

static enum error_code digest_adapter(EVP_MD_CTX *digest, const char *path, void *chunk, size_t cap,
                                      struct error *error)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return error_set_errno(error, ERROR_INVALID, errno, "cannot open %s", path);
    const enum error_code code = digest_file(digest, file, chunk, cap, error);
    fclose(file);
    return code;
}

/* `adapter`: NULL without one. */
static enum error_code take_fingerprint(FILE *file, const char *adapter, char out[65], struct error *error)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    const size_t cap = 1u << 20;
    void *chunk = mem_alloc(cap);
    uint8_t hash[SHA256_LEN];
    enum error_code code = OK;
    if (digest == NULL || chunk == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        code = error_no_memory(error);
    if (code == OK)
        code = digest_file(digest, file, chunk, cap, error);
    if (code == OK && adapter != NULL)
        code = digest_adapter(digest, adapter, chunk, cap, error);
    if (code == OK) {
        EVP_DigestFinal_ex(digest, hash, NULL);
        hex_encode(hash, sizeof(hash), out);
        rewind(file);
    }
    EVP_MD_CTX_free(digest);
    mem_free(chunk);
    return code;
}

struct load_call {
    FILE *file;
    const char *path;
    bool only_vocabulary;
    struct llama_model *model;
};

/* By path where there is one: only so llama.cpp finds the other parts of a split file. */
static void run_load(void *arg)
{
    struct load_call *call = arg;
    struct llama_model_params params = llama_model_default_params();
    params.load_mode = call->path != NULL ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
    params.n_gpu_layers = -1;
    params.vocab_only = call->only_vocabulary;
    call->model = call->path != NULL ? llama_model_load_from_file(call->path, params)
                                     : llama_model_load_from_file_ptr(call->file, params);
}

/* Weights that ggml keeps in a form of its own were copied out of the mapped file, and what was read of it for that
 * would stay in this process's memory: the loader unmaps only what lies before and behind the tensors that it still
 * needs there. Those come back from the page cache when they are touched. */
static void drop_file_pages(void)
{
    char line[4096], access[5];
    unsigned long begin, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, access) == 3 && strcmp(access, "r--s") == 0)
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
    if (maps != NULL)
        fclose(maps);
}

static enum model_state_kind state_kind_of(const struct llama_model *model)
{
    if (llama_model_is_recurrent(model))
        return MODEL_STATE_RECURRENT;
    if (llama_model_is_hybrid(model))
        return MODEL_STATE_HYBRID;
    return llama_model_n_swa(model) > 0 ? MODEL_STATE_WINDOW : MODEL_STATE_ATTENTION;
}

static uint32_t longest_piece(const struct model *model)
{
    size_t longest = 1;
    char piece[MODEL_PIECE_MAX];
    for (uint32_t token = 0; token < model->facts.vocabulary; token++) {
        const int32_t len =
            llama_token_to_piece(model->vocab, (llama_token)token, piece, sizeof(piece), 0, true);
        const size_t size = (size_t)(len < 0 ? -len : len);
        longest = size > longest ? size : longest;
    }
    return (uint32_t)longest;
}

/* The piece of a special token is empty, its marker is the text that stands for it in templates. */
static bool add_texts(const struct model *model, llama_token token, struct arena *arena, struct vocabulary_token *out)
{
    char piece[MODEL_PIECE_MAX];
    const size_t len = model_piece(model, token, piece);
    if (!arena_str(arena, (struct str){piece, len}, &out->piece))
        return false;
    out->is_end = model_is_end(model, token);
    return arena_str(arena, (struct str){piece, len == 0 ? model_marker(model, token, piece) : 0}, &out->marker);
}

static enum error_code make_vocabulary(struct model *model, struct error *error)
{
    const uint32_t count = model->facts.vocabulary;
    struct arena arena;
    arena_init(&arena, 0);
    struct vocabulary_token *tokens = mem_calloc((size_t)count + 1, sizeof(*tokens));
    bool good = tokens != NULL;
    for (uint32_t token = 0; good && token < count; token++)
        good = add_texts(model, (llama_token)token, &arena, &tokens[token]);
    if (good)
        model->vocabulary = vocabulary_new(tokens, count);
    mem_free(tokens);
    arena_deinit(&arena);
    return model->vocabulary != NULL ? OK : error_no_memory(error);
}

static uint32_t meta_u32(const struct llama_model *model, const char *arch, const char *key)
{
    char name[96], text[32];
    uint64_t value = 0;
    snprintf(name, sizeof(name), "%s.%s", arch, key);
    if (llama_model_meta_val_str(model, name, text, sizeof(text)) < 0 || !str_to_u64(str_of(text), &value))
        return 0;
    return (uint32_t)value;
}

/* Bytes of one cell over all layers, K and V in 16 bits. */
static uint64_t cell_bytes(const struct model *model)
{
    const struct llama_model *m = model->llama;
    const char *arch = model->facts.architecture;
    const int32_t heads = llama_model_n_head(m);
    uint32_t head = meta_u32(m, arch, "attention.key_length");
    if (head == 0)
        head = (uint32_t)(llama_model_n_embd(m) / (heads > 0 ? heads : 1));
    return (uint64_t)llama_model_n_layer(m) * (uint64_t)llama_model_n_head_kv(m) * head * 2u * 2u;
}

/* Every token sees every other. */
static bool is_encoder(const struct llama_model *model, const char *arch)
{
    char name[96], text[32];
    snprintf(name, sizeof(name), "%s.attention.causal", arch);
    return llama_model_meta_val_str(model, name, text, sizeof(text)) >= 0 && strcmp(text, "false") == 0;
}

/* How it makes one embedding of those of all tokens; UNSPECIFIED: it makes none. Encoders whose file says nothing take
 * the mean. */
static enum llama_pooling_type pooling_of(const struct llama_model *model, const char *arch)
{
    const uint32_t said = meta_u32(model, arch, "pooling_type"); /* 0: none, or not said */
    if (said != LLAMA_POOLING_TYPE_NONE)
        return (enum llama_pooling_type)said;
    return is_encoder(model, arch) ? LLAMA_POOLING_TYPE_MEAN : LLAMA_POOLING_TYPE_UNSPECIFIED;
}

static uint32_t least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static bool has_gpu(void)
{
    for (size_t i = 0; i < ggml_backend_dev_count(); i++)
        if (ggml_backend_dev_type(ggml_backend_dev_get(i)) == GGML_BACKEND_DEVICE_TYPE_GPU)
            return true;
    return false;
}

#define LOGITS_BYTES_MAX (1ull << 30)

/* An input must lie in one batch, since what is pooled is the batch's. Models that could write as well compute logits
 * of all its tokens. */
static void decide_input_sizes(struct model *model, const struct model_options *options)
{
    struct model_facts *facts = &model->facts;
    const uint64_t most = LOGITS_BYTES_MAX / ((uint64_t)facts->vocabulary * sizeof(float) + 1);
    if (options->context == 0 && !is_encoder(model->llama, facts->architecture))
        facts->context = least(facts->context, most > MODEL_BATCH_DEFAULT ? most : MODEL_BATCH_DEFAULT);
    facts->parallel = MODEL_INPUTS;
    facts->scratch = facts->parallel;
    facts->batch = facts->context < MODEL_BATCH_DEFAULT ? MODEL_BATCH_DEFAULT : facts->context;
    facts->batch = (facts->batch + facts->parallel - 1) / facts->parallel * facts->parallel; /* as graphs have it */
    facts->cells = (facts->batch + 255) / 256 * 256;
}

static void decide_sizes(struct model *model, const struct model_options *options)
{
    struct model_facts *facts = &model->facts;
    const uint32_t own = (uint32_t)llama_model_n_ctx_train(model->llama);
    facts->context = options->context != 0 ? options->context : least(own, MODEL_CONTEXT_DEFAULT);
    facts->parallel = options->parallel != 0 ? options->parallel : MODEL_PARALLEL_DEFAULT;
    facts->parallel = least(facts->parallel, MODEL_SEQUENCES - 1);
    facts->scratch = facts->parallel;
    facts->batch = options->batch != 0 ? options->batch : MODEL_BATCH_DEFAULT;
    facts->batch = facts->batch < facts->parallel ? facts->parallel : facts->batch;
    const uint64_t each = cell_bytes(model);
    uint64_t cells = (uint64_t)facts->context * facts->parallel;
    if (options->kv_bytes != 0 && each != 0 && cells > options->kv_bytes / each)
        cells = options->kv_bytes / each;
    cells = cells < facts->context ? facts->context : cells;
    facts->cells = least((cells + 255) / 256 * 256, 1u << 30);
    if (facts->embedding != 0)
        decide_input_sizes(model, options);
    const uint32_t cores = broker_cores();
    facts->threads = facts->parameters < MODEL_SMALL_PARAMETERS ? 1 : cores;
    if (options->threads != 0)
        facts->threads = options->threads;
    facts->threads = least(facts->threads, TASKS_MAX);
}

/* Made with params, and with the adapter; NULL: no room. */
static struct llama_context *new_context(const struct model *model, struct llama_context_params params)
{
    struct llama_adapter_lora *adapters[] = {model->adapter};
    float scales[] = {1.0f};
    struct llama_context *context = llama_init_from_model(model->llama, params);
    if (context != NULL && model->adapter != NULL)
        llama_set_adapters_lora(context, adapters, 1, scales);
    return context;
}

static void run_context(void *arg)
{
    struct model *model = arg;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = model->facts.cells;
    params.n_batch = model->facts.batch;
    params.n_ubatch = model->facts.batch;
    params.n_seq_max = model->facts.scratch + 1; /* states of sequences above it can't be saved */
    params.n_outputs_max = model->facts.scratch + 1;
    params.embeddings = model->facts.embedding != 0;
    params.pooling_type = pooling_of(model->llama, model->facts.architecture);
    if (params.embeddings) { /* all tokens are pooled, and no state is saved */
        params.n_seq_max = model->facts.parallel;
        params.n_outputs_max = params.n_outputs_max_per_seq = model->facts.batch;
    }
    params.n_threads = params.n_threads_batch = (int32_t)model->facts.threads;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.kv_unified = true;
    params.no_perf = true;
    model->context = new_context(model, params);
}

/* What the layout of a state depends on besides the model: the library, the types of keys and values,
 * and flash attention, without which values are stored the other way round. */
static void name_state_format(struct model_facts *facts)
{
    const struct llama_context_params params = llama_context_default_params(); /* run_context changes no type */
    snprintf(facts->state_format, sizeof(facts->state_format), "%d ggml %s %s %s flash", LLAMA_STATE_SEQ_VERSION,
             ggml_version(), ggml_type_name(params.type_k), ggml_type_name(params.type_v));
}

/* Borrowed. */
static const char *text_of(const struct model *model, llama_token token)
{
    return token == LLAMA_TOKEN_NULL ? "" : llama_vocab_get_text(model->vocab, token);
}

static void fill_text_facts(struct model *model)
{
    struct model_facts *facts = &model->facts;
    facts->vocabulary = (uint32_t)llama_vocab_n_tokens(model->vocab);
    if (llama_model_meta_val_str(model->llama, "general.architecture", facts->architecture,
                                 sizeof(facts->architecture)) < 0)
        snprintf(facts->architecture, sizeof(facts->architecture), "unknown");
    facts->piece_max = longest_piece(model);
    const char *text = llama_model_chat_template(model->llama, NULL);
    facts->chat_template = text != NULL ? text : "";
    facts->begin_text = text_of(model, llama_vocab_bos(model->vocab));
    facts->end_text = text_of(model, llama_vocab_eos(model->vocab));
}

static void fill_facts(struct model *model)
{
    struct model_facts *facts = &model->facts;
    fill_text_facts(model);
    facts->parameters = llama_model_n_params(model->llama);
    facts->state_kind = state_kind_of(model->llama);
    if (pooling_of(model->llama, facts->architecture) != LLAMA_POOLING_TYPE_UNSPECIFIED)
        facts->embedding = (uint32_t)llama_model_n_embd_out(model->llama);
    name_state_format(facts);
}

static enum error_code check_pooling(const struct model *model, struct error *error)
{
    const enum llama_pooling_type pooling = pooling_of(model->llama, model->facts.architecture);
    if (pooling != LLAMA_POOLING_TYPE_RANK)
        return OK;
    return error_set(error, ERROR_INVALID, "models that rank texts can't be served; this one is such a model");
}

/* --- whether rows are independent --------------------------------------------------------------------- */

#define PROBE_TOKENS 32u
#define PROBE_CELLS 256u

/* A context for looking at graphs: small, and freed before the real one is made. */
struct row_probe {
    struct model *model;
    struct llama_context *context;
    struct llama_batch batch;
    bool (*takes)(const struct ggml_tensor *node);
    bool has_looked;
};

/* Asked about each node before any is computed, and none is: what matters is which they are. */
static bool on_node(struct ggml_tensor *node, bool is_asked, void *ctx)
{
    struct row_probe *probe = ctx;
    struct model_facts *facts = &probe->model->facts;
    if (!is_asked)
        return true;
    if (node->op == GGML_OP_FLASH_ATTN_EXT && (probe->takes == NULL || !probe->takes(node)))
        facts->tile = ATTENTION_TILE;
    if (facts->row_hindrance[0] == '\0' && !node_is_row_independent(node, probe->takes))
        snprintf(facts->row_hindrance, sizeof(facts->row_hindrance), "%s of %s", ggml_op_desc(node),
                 node->src[0] != NULL ? node->src[0]->name : node->name);
    node->flags &= ~(int32_t)GGML_TENSOR_FLAG_COMPUTE;
    return false;
}

static void probe_add(struct row_probe *probe, llama_pos position, llama_seq_id sequence, bool wants_logits)
{
    const int32_t i = probe->batch.n_tokens++;
    probe->batch.token[i] = 0;
    probe->batch.pos[i] = position;
    probe->batch.n_seq_id[i] = 1;
    probe->batch.seq_id[i][0] = sequence;
    probe->batch.logits[i] = wants_logits;
}

/* Both shapes that steps have: a token by itself, and a token beside a piece of another's prompt. Some graphs have
 * other operations for the second. */
static void run_row_probe(void *arg)
{
    struct row_probe *probe = arg;
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = PROBE_CELLS;
    params.n_batch = params.n_ubatch = PROBE_TOKENS;
    params.n_seq_max = params.n_outputs_max = 2;
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    params.kv_unified = true;
    params.no_perf = true;
    params.cb_eval = on_node;
    params.cb_eval_user_data = probe;
    probe->context = new_context(probe->model, params);
    probe->batch = llama_batch_init((int32_t)PROBE_TOKENS, 0, 1);
    if (probe->context == NULL || probe->batch.token == NULL)
        return;
    probe_add(probe, 0, 0, true);
    probe->has_looked = llama_decode(probe->context, probe->batch) == 0;
    probe->batch.n_tokens = 0;
    probe_add(probe, 1, 0, true);
    for (int32_t i = 0; i < (int32_t)PROBE_TOKENS / 2; i++)
        probe_add(probe, i, 1, i + 1 == (int32_t)PROBE_TOKENS / 2);
    probe->has_looked = llama_decode(probe->context, probe->batch) == 0 && probe->has_looked;
}

static void find_row_independence(struct model *model)
{
    char message[256] = "";
    struct model_facts *facts = &model->facts;
    struct row_probe probe = {.model = model};
    if (facts->embedding != 0) {
        snprintf(facts->row_hindrance, sizeof(facts->row_hindrance), "embeddings, which are pooled over a batch");
        return;
    }
    *(void **)&probe.takes = backend_function("ggml_backend_cpu_tiles_takes");
    if (has_gpu()) {
        snprintf(facts->row_hindrance, sizeof(facts->row_hindrance), "a GPU, whose kernels choose by batch");
        return;
    }
    if (guard_call(run_row_probe, &probe, message, sizeof(message)) != 0 || !probe.has_looked) {
        snprintf(facts->row_hindrance, sizeof(facts->row_hindrance), "a graph that could not be looked at");
        facts->tile = ATTENTION_TILE;
    }
    facts->is_row_independent = facts->row_hindrance[0] == '\0';
    if (probe.context != NULL)
        llama_free(probe.context);
    if (probe.batch.token != NULL)
        llama_batch_free(probe.batch);
}

/* --- life ------------------------------------------------------------------------------------------- */

static enum error_code load_llama(struct model *model, struct load_call *call, struct error *error)
{
    char message[256] = "";
    (void)guard_call(run_load, call, message, sizeof(message));
    if (call->model == NULL)
        return error_set(error, ERROR_INVALID, "%s is not a model that llama.cpp can load%s%s",
                         call->path != NULL ? call->path : "the embedded file", message[0] ? ": " : "", message);
    model->llama = call->model;
    model->vocab = llama_model_get_vocab(model->llama);
    if (!llama_model_has_decoder(model->llama) || llama_model_has_encoder(model->llama))
        return error_set(error, ERROR_INVALID, "only decoder models can be served");
    return OK;
}

struct adapter_call {
    struct model *model;
    const char *path;
};

static void run_load_adapter(void *arg)
{
    struct adapter_call *call = arg;
    call->model->adapter = llama_adapter_lora_init(call->model->llama, call->path);
}

static enum error_code load_adapter(struct model *model, const char *path, struct error *error)
{
    char message[256] = "";
    struct adapter_call call = {model, path};
    if (guard_call(run_load_adapter, &call, message, sizeof(message)) != 0 || model->adapter == NULL)
        return error_set(error, ERROR_INVALID, "%s is not an adapter for this model%s%s", path, message[0] ? ": " : "",
                         message);
    return OK;
}

static enum error_code load_weights(struct model *model, const struct model_options *options, struct error *error)
{
    FILE *file = NULL;
    enum error_code code = open_model(options, &file, error);
    if (code != OK)
        return code;
    code = take_fingerprint(file, options->adapter, model->facts.fingerprint, error);
    struct load_call call = {.file = file, .path = options->path};
    if (code == OK)
        code = load_llama(model, &call, error);
    fclose(file);
    drop_file_pages();
    if (code == OK && options->adapter != NULL)
        code = load_adapter(model, options->adapter, error);
    return code;
}

static enum error_code make_context(struct model *model, struct error *error)
{
    char message[256] = "";
    if (guard_call(run_context, model, message, sizeof(message)) != 0 || model->context == NULL)
        return error_set(error, ERROR_NO_MEMORY, "no room for %u KV cells%s%s", model->facts.cells,
                         message[0] ? ": " : "", message);
    model->batch = llama_batch_init((int32_t)model->facts.batch, 0, 1);
    if (model->batch.token == NULL)
        return error_no_memory(error);
    make_pool(model);
    model->threads = model->facts.threads;
    return OK;
}

static enum error_code make_model(struct model **result, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_backends);
    if (backend_function("ggml_threadpool_new") == NULL)
        return error_set(error, ERROR_IO, "no CPU backend of ggml in %s; build the dependencies again",
                         FULCRUM_BACKEND_DIR);
    struct model *model = *result = mem_calloc(1, sizeof(*model));
    if (model == NULL)
        return error_no_memory(error);
    arena_init(&model->arena, 1u << 20);
    return OK;
}

enum error_code model_load_vocabulary(const char *path, struct model **result, struct error *error)
{
    struct model *model = NULL;
    struct load_call call = {.path = path, .only_vocabulary = true};
    *result = NULL;
    enum error_code code = make_model(&model, error);
    if (code == OK)
        code = load_llama(model, &call, error);
    if (code == OK) {
        fill_text_facts(model);
        code = make_vocabulary(model, error);
    }
    if (code != OK) {
        model_free(model);
        return code;
    }
    *result = model;
    return OK;
}

enum error_code model_load(const struct model_options *options, struct model **result, struct error *error)
{
    struct model *model = NULL;
    *result = NULL;
    enum error_code code = make_model(&model, error);
    if (code == OK)
        code = load_weights(model, options, error);
    if (code == OK) {
        fill_facts(model);
        decide_sizes(model, options);
        code = model->facts.embedding != 0 ? check_pooling(model, error) : make_vocabulary(model, error);
    }
    if (code == OK) {
        find_row_independence(model);
        code = make_context(model, error);
    }
    if (code != OK) {
        model_free(model);
        return code;
    }
    *result = model;
    return OK;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    if (model->context != NULL) {
        llama_detach_threadpool(model->context);
        llama_free(model->context);
    }
    free_pool(model);
    if (model->batch.token != NULL)
        llama_batch_free(model->batch);
    llama_model_free(model->llama);
    vocabulary_free(model->vocabulary);
    arena_deinit(&model->arena);
    mem_free(model);
}

const struct model_facts *model_facts(const struct model *model)
{
    return &model->facts;
}

const struct vocabulary *model_vocabulary(const struct model *model)
{
    return model->vocabulary;
}

size_t model_compute_tasks(const struct model *model, uint32_t *tasks, size_t cap)
{
    const size_t count = model->task_count < cap ? model->task_count : cap;
    memcpy(tasks, model->tasks, count * sizeof(*tasks));
    return count;
}

/* --- tokenizer -------------------------------------------------------------------------------------- */

void model_tokens_deinit(struct model_tokens *tokens)
{
    mem_free(tokens->items);
    *tokens = (struct model_tokens){0};
}

static bool tokens_reserve(struct model_tokens *tokens, size_t more)
{
    must(tokens->count <= tokens->cap, "tokens lie in their array", LOG_I("count", tokens->count),
         LOG_I("cap", tokens->cap));
    if (more <= tokens->cap - tokens->count)
        return true;
    size_t cap = tokens->cap < 64 ? 64 : tokens->cap;
    while (cap - tokens->count < more)
        cap *= 2;
    model_token *items = mem_realloc(tokens->items, cap * sizeof(*items));
    if (items == NULL)
        return false;
    tokens->items = items;
    tokens->cap = cap;
    return true;
}

enum error_code model_tokenize_begin(const struct model *model, struct model_tokens *tokens, struct error *error)
{
    const llama_token begin = llama_vocab_bos(model->vocab);
    if (!llama_vocab_get_add_bos(model->vocab) || begin == LLAMA_TOKEN_NULL)
        return OK;
    if (!tokens_reserve(tokens, 1))
        return error_no_memory(error);
    tokens->items[tokens->count++] = begin;
    return OK;
}

struct tokenize_call {
    const struct llama_vocab *vocab;
    struct str text;
    llama_token *out;
    int32_t cap, count;
    bool is_template, is_input;
};

static void run_tokenize(void *arg)
{
    struct tokenize_call *call = arg;
    call->count = llama_tokenize(call->vocab, call->text.data, (int32_t)call->text.len, call->out, call->cap,
                                 call->is_input, call->is_template);
}

static enum error_code tokenize(const struct model *model, struct str text, bool is_template, bool is_input,
                                struct model_tokens *tokens, struct error *error)
{
    char message[128];
    if (text.len > INT32_MAX / 2)
        return error_set(error, ERROR_TOO_LARGE, "a text of %zu bytes is too long", text.len);
    /* First guess: three bytes a token. A negative count says how many there are. */
    size_t want = text.len / 3 + 16;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!tokens_reserve(tokens, want))
            return error_no_memory(error);
        struct tokenize_call call = {model->vocab, text, tokens->items + tokens->count,
                                     (int32_t)(tokens->cap - tokens->count > INT32_MAX ? INT32_MAX
                                                                                        : tokens->cap - tokens->count),
                                     0, is_template, is_input};
        if (guard_call(run_tokenize, &call, message, sizeof(message)) != 0 || call.count == INT32_MIN)
            return error_set(error, ERROR_MODEL, "the tokenizer refused the text");
        if (call.count >= 0) {
            tokens->count += (size_t)call.count;
            return OK;
        }
        want = (size_t)-call.count;
    }
    return error_set(error, ERROR_INTERNAL, "the tokenizer changed its mind");
}

enum error_code model_tokenize(const struct model *model, struct str text, bool is_template,
                               struct model_tokens *tokens, struct error *error)
{
    return text.len == 0 ? OK : tokenize(model, text, is_template, false, tokens, error);
}

enum error_code model_tokenize_input(const struct model *model, struct str text, struct model_tokens *tokens,
                                     struct error *error)
{
    return tokenize(model, text, false, true, tokens, error);
}

size_t model_piece(const struct model *model, model_token token, char out[MODEL_PIECE_MAX])
{
    const int32_t len = llama_token_to_piece(model->vocab, token, out, MODEL_PIECE_MAX, 0, false);
    return len < 0 ? 0 : (size_t)len;
}

size_t model_marker(const struct model *model, model_token token, char out[MODEL_PIECE_MAX])
{
    const int32_t len = llama_token_to_piece(model->vocab, token, out, MODEL_PIECE_MAX, 0, true);
    return len < 0 ? 0 : (size_t)len;
}

bool model_is_end(const struct model *model, model_token token)
{
    return llama_vocab_is_eog(model->vocab, token);
}

/* --- decoding --------------------------------------------------------------------------------------- */

void model_batch_clear(struct model *model)
{
    model->batch.n_tokens = 0;
}

uint32_t model_batch_count(const struct model *model)
{
    return (uint32_t)model->batch.n_tokens;
}

void model_batch_add(struct model *model, model_token token, uint32_t position, uint32_t sequence, bool wants_logits)
{
    struct llama_batch *batch = &model->batch;
    must((uint32_t)batch->n_tokens < model->facts.batch && sequence < MODEL_SEQUENCES, "a row of the batch is free",
         LOG_I("rows", batch->n_tokens), LOG_I("batch", model->facts.batch), LOG_I("sequence", sequence));
    const int32_t i = batch->n_tokens++;
    batch->token[i] = token;
    batch->pos[i] = (llama_pos)position;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = (llama_seq_id)sequence;
    batch->logits[i] = wants_logits;
}

struct decode_call {
    struct model *model;
    int32_t result;
};

static void run_decode(void *arg)
{
    struct decode_call *call = arg;
    call->result = llama_decode(call->model->context, call->model->batch);
    if (call->result == 0)
        llama_synchronize(call->model->context);
}

enum model_result model_decode(struct model *model)
{
    char message[256];
    struct decode_call call = {model, -1};
    if (guard_call(run_decode, &call, message, sizeof(message)) != 0) {
        log_event(LOG_ERROR, "decode_failed", LOG_C("reason", message));
        return MODEL_BROKEN;
    }
    if (call.result == 1)
        return MODEL_NO_CELLS;
    return call.result == 0 ? MODEL_OK : MODEL_BROKEN;
}

float *model_logits(struct model *model, uint32_t index)
{
    must((int32_t)index < model->batch.n_tokens && model->batch.logits[index], "logits were asked for",
         LOG_I("row", index), LOG_I("rows", model->batch.n_tokens));
    return llama_get_logits_ith(model->context, (int32_t)index);
}

const float *model_embedding(struct model *model, uint32_t sequence)
{
    return llama_get_embeddings_seq(model->context, (llama_seq_id)sequence);
}

void model_set_threads(struct model *model, uint32_t threads)
{
    if (threads == model->threads)
        return;
    model->threads = threads;
    llama_set_n_threads(model->context, (int32_t)threads, (int32_t)threads);
}

void model_seq_clear(struct model *model, uint32_t sequence)
{
    (void)llama_memory_seq_rm(llama_get_memory(model->context), (llama_seq_id)sequence, -1, -1);
}

void model_seq_copy(struct model *model, uint32_t from, uint32_t to, uint32_t begin, uint32_t end)
{
    must(from != to && begin <= end, "cells are shared between two sequences", LOG_I("from", from), LOG_I("to", to),
         LOG_I("begin", begin), LOG_I("end", end));
    llama_memory_seq_cp(llama_get_memory(model->context), (llama_seq_id)from, (llama_seq_id)to, (llama_pos)begin,
                        (llama_pos)end);
}

bool model_seq_cut(struct model *model, uint32_t sequence, uint32_t begin)
{
    return llama_memory_seq_rm(llama_get_memory(model->context), (llama_seq_id)sequence, (llama_pos)begin, -1);
}

void model_clear(struct model *model)
{
    if (llama_get_memory(model->context) != NULL) /* encoders have none */
        llama_memory_clear(llama_get_memory(model->context), false);
}

size_t model_state_size(struct model *model, uint32_t sequence)
{
    return llama_state_seq_get_size(model->context, (llama_seq_id)sequence);
}

size_t model_state_get(struct model *model, uint32_t sequence, void *out, size_t cap)
{
    return llama_state_seq_get_data(model->context, out, cap, (llama_seq_id)sequence);
}

size_t model_state_set(struct model *model, uint32_t sequence, const void *data, size_t len)
{
    return llama_state_seq_set_data(model->context, data, len, (llama_seq_id)sequence);
}
