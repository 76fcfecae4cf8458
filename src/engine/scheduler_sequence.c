/* scheduler_sequence.c - beginning, preemption and end of a running request. See scheduler.h. */
#include "engine/scheduler_internal.h"

#include "core/log.h"
#include "core/must.h"
#include "core/util.h"

/* --- lists of the preempted ------------------------------------------------------------------------- */

void sequence_list_clear(struct sequence_list *list)
{
    list->first = list->last = NULL;
}

void sequence_list_push(struct sequence_list *list, struct sequence *seq)
{
    seq->next = NULL;
    if (list->last != NULL)
        list->last->next = seq;
    else
        list->first = seq;
    list->last = seq;
}

struct sequence *sequence_list_pop(struct sequence_list *list)
{
    struct sequence *seq = list->first;
    must(seq != NULL, "somebody is in the list that is popped");
    list->first = seq->next;
    if (list->first == NULL)
        list->last = NULL;
    return seq;
}

/* --- what it needs ---------------------------------------------------------------------------------- */

static uint32_t reply_room(const struct scheduler *s, const struct job *job)
{
    const uint32_t room = s->facts->context - (uint32_t)job->tokens.count;
    return job->request.max_tokens != 0 && job->request.max_tokens < room ? job->request.max_tokens : room;
}

uint32_t sequence_cells(const struct scheduler *s, const struct job *job)
{
    return (uint32_t)job->tokens.count + reply_room(s, job) - 1; /* the last token needs no cell */
}

static void take_place(struct scheduler *s, struct sequence *seq)
{
    uint32_t id = 0;
    must(s->count < s->facts->parallel && s->count < MODEL_SEQUENCES, "a place is free for whoever is admitted",
         LOG_I("running", s->count), LOG_I("parallel", s->facts->parallel));
    while (s->id_taken[id])
        id++;
    s->id_taken[id] = true;
    seq->id = id;
    s->cells_promised += seq->cells;
    s->sequences[s->count++] = seq;
    must(s->options.is_serial || s->cells_promised <= s->facts->cells,
         "no more cells are promised than there are", LOG_I("promised", s->cells_promised),
         LOG_I("cells", s->facts->cells), LOG_I("needed", seq->cells));
}

static void leave_place(struct scheduler *s, struct sequence *seq)
{
    uint32_t at = 0;
    while (at < s->count && s->sequences[at] != seq)
        at++;
    must(at < s->count, "who leaves has a place", LOG_I("id", seq->id), LOG_I("running", s->count));
    must(s->id_taken[seq->id] && s->cells_promised >= seq->cells, "a place is given back once", LOG_I("id", seq->id),
         LOG_I("promised", s->cells_promised), LOG_I("cells", seq->cells));
    memmove(&s->sequences[at], &s->sequences[at + 1], (s->count - at - 1) * sizeof(s->sequences[0]));
    s->count--;
    model_seq_clear(s->options.model, seq->id);
    s->id_taken[seq->id] = false;
    s->cells_promised -= seq->cells;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void release(struct scheduler *s, struct sequence *seq)
{
    prefix_store_close(s->options.prefixes, &seq->job->use);
    fair_queue_leave(seq->job->item.flow);
    seq->job->item.flow = NULL;
    text_filter_deinit(&seq->text);
    mem_free(seq->log.items);
    model_tokens_deinit(&seq->reply);
    mem_free(seq);
}

void sequence_end(struct scheduler *s, struct sequence *seq)
{
    leave_place(s, seq);
    release(s, seq);
}

void sequence_fail(struct scheduler *s, struct sequence *seq, const struct error *error)
{
    struct job *job = seq->job;
    sequence_end(s, seq);
    add_failure(s, job, error);
}

static void forget_parked(struct scheduler *s, const struct sequence *seq)
{
    must(s->parked_bytes >= seq->park.copy_len, "parked bytes are counted once", LOG_I("parked", s->parked_bytes),
         LOG_I("copy", seq->park.copy_len));
    s->parked_bytes -= seq->park.copy_len;
}

void sequence_drop_preempted(struct scheduler *s, struct sequence *seq)
{
    forget_parked(s, seq);
    park_drop(&seq->park, s->options.prefixes);
    release(s, seq);
}

/* --- the beginning ---------------------------------------------------------------------------------- */

/* A running sequence that has all readable tokens of the job in its cells. */
static const struct sequence *find_donor(const struct scheduler *s, const struct job *job)
{
    const uint32_t count = job->use.readable;
    for (uint32_t i = 0; i < s->count && prefix_store_can_share(s->options.prefixes) && count > 0; i++) {
        const struct sequence *other = s->sequences[i];
        const struct job *owner = other->job;
        if (other->past >= count && owner->tokens.count >= count &&
            str_eq(owner->request.tenant, job->request.tenant) &&
            str_eq(owner->request.cache_salt, job->request.cache_salt) &&
            memcmp(owner->tokens.items, job->tokens.items, count * sizeof(model_token)) == 0)
            return other;
    }
    return NULL;
}

static void begin_prefix(struct scheduler *s, struct sequence *seq)
{
    struct prefix_use *use = &seq->job->use;
    prefix_store_begin(s->options.prefixes, use);
    const struct sequence *donor = find_donor(s, seq->job);
    if (donor != NULL) {
        prefix_store_share(s->options.prefixes, use, donor->id, seq->id);
        seq->past = use->readable;
    }
}

void sequence_begin(struct scheduler *s, struct job *job)
{
    const struct engine_request *request = &job->request;
    struct sequence *seq = mem_calloc(1, sizeof(*seq));
    if (seq == NULL) {
        struct error error;
        prefix_store_close(s->options.prefixes, &job->use);
        fair_queue_leave(job->item.flow);
        job->item.flow = NULL;
        (void)error_no_memory(&error);
        add_failure(s, job, &error);
        return;
    }
    must(job->tokens.count > 0 && job->tokens.count < s->facts->context, "a prompt leaves room for a reply",
         LOG_I("tokens", job->tokens.count), LOG_I("context", s->facts->context));
    seq->job = job;
    seq->lent_tier = job->tier;
    seq->output_max = reply_room(s, job);
    seq->cells = sequence_cells(s, job);
    seq->admitted_us = job->progress_us = clock_now_us();
    text_filter_init(&seq->text, request->stops, request->stop_count);
    sampler_init(&seq->sampler, request->temperature, request->top_p, request->top_k, request->seed);
    take_place(s, seq);
    begin_prefix(s, seq);
}

/* --- preemption ------------------------------------------------------------------------------------- */

/* Sampler, grammar, text and what was chosen stay in memory as they are; only the
 * cells are given up. A prefix that was being restored begins anew. */
void sequence_preempt(struct scheduler *s, struct sequence *seq)
{
    struct job *job = seq->job;
    const uint64_t most = s->options.tiers.parked_bytes;
    must(s->parked_bytes <= most, "copies of the preempted stay within their bound", LOG_I("parked", s->parked_bytes),
         LOG_I("most", most));
    must(job->tier < TIERS && !s->options.is_serial, "who is preempted has a tier to wait in",
         LOG_I("tier", job->tier));
    if (sequence_is_restoring(seq)) {
        seq->past = 0;
        job->use.next_block = 0;
    } else if (seq->redo == 0 && seq->past > 0) {
        seq->redo = seq->past;
        park_take(&seq->park, s->options.model, s->options.prefixes, &job->prefix, seq->id, seq->past,
                  most - s->parked_bytes);
        s->parked_bytes += seq->park.copy_len;
    } else {
        seq->past = 0; /* it was being computed again: from the start */
    }
    prefix_store_yield(s->options.prefixes, &job->use);
    leave_place(s, seq);
    seq->lent_tier = job->tier;
    job->progress_us = clock_now_us();
    sequence_list_push(&s->preempted[job->tier], seq);
    atomic_fetch_add_explicit(&s->options.broker->slot->preemptions[job->request.tier], 1, memory_order_relaxed);
    log_event(LOG_DEBUG, "preempted", LOG_C("tier", tier_names[job->request.tier]),
              LOG_I("tokens", seq->redo), LOG_I("copied_bytes", seq->park.copy_len));
}

/* What could not be kept is computed again. */
void sequence_resume(struct scheduler *s, struct sequence *seq)
{
    struct error error;
    take_place(s, seq);
    seq->lent_tier = seq->job->tier;
    seq->job->progress_us = clock_now_us();
    if (seq->redo > 0) {
        forget_parked(s, seq);
        seq->past = park_put(&seq->park, s->options.model, s->options.prefixes, seq->id, seq->redo);
        seq->redo = seq->past < seq->redo ? seq->redo : 0;
    }
    if (seq->redo > seq->job->tokens.count + seq->reply.count) /* there was no memory to remember the reply */
        sequence_fail(s, seq, (error_no_memory(&error), &error));
    else
        prefix_store_reclaim(s->options.prefixes, &seq->job->use, seq->past);
}
