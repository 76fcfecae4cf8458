/* documents.c - see documents.h. Reading the files is the extractor's. */
#include "generate/documents.h"

#include "core/must.h"
#include "core/util.h"

/* --- waiting for texts ------------------------------------------------------------------------------ */

struct document_slot {
    struct document_wait *wait;
    struct chat_document *document;
    struct extraction *extraction; /* NULL: not waited for */
};

struct document_wait {
    struct chat_request *request;
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
    /* Texts. */
    struct document_slot *slots;
    size_t slot_count, pending;
    /* Counts. */
    struct backend *backend;
    const struct target *target;
    uint32_t context;
    struct chat_document *document; /* being counted */
    struct backend_call *call;
    struct error error; /* the engine's refusal */
};

static void end_call(struct document_wait *wait)
{
    if (wait->call)
        wait->backend->ops->end(wait->call);
    wait->call = NULL;
}

void documents_cancel(struct document_wait *wait)
{
    if (!wait)
        return;
    for (size_t i = 0; i < wait->slot_count; i++) {
        if (wait->slots[i].extraction)
            extraction_cancel(wait->slots[i].extraction);
        wait->slots[i].extraction = NULL;
    }
    end_call(wait);
}

static bool needs_text(const struct chat_document *document)
{
    return document->bytes.data != NULL;
}

/* Puts the text in its place. */
static bool put_text_in(struct arena *arena, struct chat_document *document)
{
    struct str *target = document->target, text = document->text;
    char *joined = arena_alloc(arena, target->len + text.len + 1);
    if (!joined)
        return false;
    memcpy(joined, target->data, document->offset);
    if (text.len > 0)
        memcpy(joined + document->offset, text.data, text.len);
    memcpy(joined + document->offset + text.len, target->data + document->offset, target->len - document->offset);
    *target = (struct str){joined, target->len + text.len};
    document->bytes = (struct str){0};
    return true;
}

static enum error_code put_all_in(struct chat_request *request, struct error *error)
{
    for (struct chat_document *document = request->documents; document; document = document->next)
        if (needs_text(document) && !put_text_in(request->arena, document))
            return error_no_memory(error);
    return OK;
}

/* What lies in the document gets its path. */
static enum error_code name_document(const struct chat_document *document, struct error *error)
{
    return error->code == ERROR_INVALID ? error_prefix(error, "%s.source", document->where) : error->code;
}

static void on_text(void *ctx, const struct error *outcome, struct str text)
{
    struct document_slot *slot = ctx;
    struct document_wait *wait = slot->wait;
    struct error error = *outcome;
    slot->extraction = NULL;
    must(wait->pending > 0, "a text comes for a document that is waited for", LOG_I("code", error.code));
    wait->pending--;
    if (error.code != OK)
        (void)name_document(slot->document, &error);
    else if (!arena_str(wait->request->arena, text, &slot->document->text))
        (void)error_no_memory(&error);
    else if (wait->pending == 0)
        error.code = put_all_in(wait->request, &error);
    else
        return;
    documents_cancel(wait);
    wait->on_done(wait->ctx, error.code == OK ? NULL : &error);
}

void documents_digest(struct chat_request *request)
{
    for (struct chat_document *document = request->documents; document; document = document->next) {
        uint8_t *hash = needs_text(document) ? arena_alloc(request->arena, SHA256_LEN) : NULL;
        if (hash)
            sha256(document->bytes, hash);
        document->hash = hash;
    }
}

static enum error_code submit_all(struct extractor_port *port, struct str tenant, struct document_wait *wait,
                                  struct error *error)
{
    for (struct chat_document *document = wait->request->documents; document; document = document->next) {
        enum document_format format;
        if (!needs_text(document) || !document_format_parse(document->format, &format))
            continue;
        struct document_slot *slot = &wait->slots[wait->slot_count++];
        *slot = (struct document_slot){.wait = wait, .document = document};
        enum error_code code = extractor_submit(port, tenant, format, document->bytes, document->hash, on_text, slot,
                                                wait->request->arena, &document->text, &slot->extraction, error);
        if (code != OK)
            return name_document(document, error);
        wait->pending += slot->extraction != NULL;
    }
    return OK;
}

enum error_code documents_resolve(struct extractor_port *port, struct str tenant, struct chat_request *request,
                                  void (*on_done)(void *ctx, const struct error *error), void *ctx,
                                  struct document_wait **wait, struct error *error)
{
    *wait = NULL;
    if (!request->documents)
        return OK;
    struct document_wait *made = ARENA_NEW(request->arena, struct document_wait);
    struct document_slot *slots = ARENA_ARRAY(request->arena, struct document_slot, request->document_count);
    if (!made || !slots)
        return error_no_memory(error);
    *made = (struct document_wait){.request = request, .on_done = on_done, .ctx = ctx, .slots = slots};
    enum error_code code = submit_all(port, tenant, made, error);
    if (code != OK) {
        documents_cancel(made);
        return code;
    }
    if (made->pending > 0)
        *wait = made;
    return made->pending > 0 ? OK : put_all_in(request, error);
}

/* --- a prompt that does not fit --------------------------------------------------------------------- */

static bool count_next(struct document_wait *wait, struct chat_document *document);

static void on_count(void *ctx, uint32_t tokens, const struct error *error)
{
    struct document_wait *wait = ctx;
    const struct chat_document *document = wait->document;
    struct error refusal = wait->error;
    end_call(wait);
    if (!error && tokens > wait->context)
        (void)error_set(&wait->error, ERROR_INVALID,
                        "%s; %s: the document '" STR_FMT "' alone has %u tokens; send a part of it or choose a model "
                        "with a larger context",
                        refusal.message, document->where, STR_ARG(document->name), tokens);
    else if (!error && count_next(wait, document->next))
        return;
    wait->on_done(wait->ctx, &wait->error);
}

/* Counts the first document from `document` on that may be too long: no token is shorter than a byte. */
static bool count_next(struct document_wait *wait, struct chat_document *document)
{
    struct error ignored;
    while (document && document->text.len <= wait->context)
        document = document->next;
    if (!document)
        return false;
    const struct backend_job job = {
        .use = BACKEND_COUNT, .target = wait->target, .request = wait->request, .text = document->text};
    wait->document = document;
    wait->call = wait->backend->ops->count(wait->backend, &job, on_count, wait, &ignored);
    return wait->call != NULL;
}

struct document_wait *documents_blame(struct backend *backend, const struct target *target,
                                      struct chat_request *request, const struct error *error,
                                      void (*on_done)(void *ctx, const struct error *error), void *ctx)
{
    if (error->code != ERROR_INVALID || !request->documents)
        return NULL;
    const uint32_t context = backend->ops->context(backend, target);
    struct document_wait *wait = context > 0 ? ARENA_NEW(request->arena, struct document_wait) : NULL;
    if (!wait)
        return NULL;
    *wait = (struct document_wait){.request = request,
                                   .on_done = on_done,
                                   .ctx = ctx,
                                   .backend = backend,
                                   .target = target,
                                   .context = context,
                                   .error = *error};
    return count_next(wait, request->documents) ? wait : NULL;
}
