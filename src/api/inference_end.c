/* How a request for a reply ends: who is told, and what the client gets where it failed. See inference_internal.h. */
#include "api/inference_internal.h"

#include "api/genai.h"
#include "api/logged.h"
#include "api/recent.h"

void inference_stop_waiting(struct inference *inference)
{
    waiting_end(inference->waiting);
    inference->waiting = NULL;
}

void inference_release(struct inference *inference)
{
    work_end(inference->work, LEDGER_FAILED);
    inference->work = NULL;
    inference_stop_waiting(inference);
    codec_request_free(&inference->request);
    buf_deinit(&inference->stream.scratch);
    buf_deinit(&inference->stream.held);
    buf_deinit(&inference->stream.held_logprobs);
    buf_deinit(&inference->out);
}

void inference_note_usage(struct inference *inference, const struct chat_usage *usage)
{
    inference->call->usage.input_tokens = usage->input_tokens;
    inference->call->usage.output_tokens = usage->output_tokens;
    inference->call->usage.cache_read_tokens = usage->cache_read_tokens;
    inference->call->usage.cache_write_tokens = usage->cache_write_5m_tokens + usage->cache_write_1h_tokens;
}

/* As the conventions for generative AI name it. */
static void observe(const struct inference *inference, const char *error_name)
{
    const struct api_call *call = inference->call;
    const struct placement *placement = inference->is_placed ? work_placement(inference->work) : NULL;
    const struct metrics_genai_request request = {
        .operation = genai_operation(&inference->request),
        .provider = genai_provider(call->dialect),
        .model_asked = call->has_match ? call->match.id : STR(""),
        .model = placement ? placement->answered.name : "",
        .error = error_name ? error_name : "",
        .duration_us = clock_now_us() - call->exchange->request.started_us,
        .first_token_us = call->usage.first_token_us,
        .decode_us = call->usage.decode_us,
        .output_tokens = call->usage.output_tokens,
    };
    metrics_genai_observe(&call->thread->genai, &request);
}

static void end_trace(struct inference *inference, int status, const char *error_name)
{
    const struct traced_end end = {
        .request = &inference->request,
        .is_read = inference->is_read,
        .placement = inference->is_placed ? work_placement(inference->work) : NULL,
        .reply = inference->reply,
        .error = error_name,
        .status = status,
        .is_sent = inference->has_started,
    };
    traced_end(inference->traced, inference->call, &end);
}

void inference_tell_end(struct inference *inference, int status, const char *error_name)
{
    struct invocation *logged = inference->logged;
    observe(inference, error_name);
    recents_note(inference->call->thread->api->recents, inference->call);
    if (inference->traced)
        end_trace(inference, status, error_name);
    if (!logged)
        return;
    inference->logged = NULL;
    logged_end(logged, inference->call, &inference->request, inference->is_read, error_name);
}

void inference_tell_gone(struct inference *inference)
{
    inference_tell_end(inference, CALL_CLIENT_GONE, LOGGED_CLIENT_GONE);
}

void inference_tell_no_memory(struct inference *inference)
{
    const struct dialect_error known = inference->call->dialect->of_code(ERROR_NO_MEMORY);
    inference_tell_end(inference, known.status, known.name);
}

void inference_note_cache(struct inference *inference)
{
    struct api_call *call = inference->call;
    if (!call->has_cache || inference->is_cache_noted)
        return;
    inference->is_cache_noted = true;
    call->cache = work_cache(inference->work);
    metrics_cached(&call->thread->metrics, call->match.model->index, cache_outcome(&call->cache));
}

void inference_leave(struct inference *inference, enum ledger_outcome outcome)
{
    if (!inference->work)
        return;
    struct chat_usage usage = work_usage(inference->work);
    inference_note_usage(inference, &usage);
    inference_note_cache(inference);
    work_end(inference->work, outcome);
}

void inference_fail(struct inference *inference, const struct error *error)
{
    struct api_call *call = inference->call;
    const struct codec *codec = inference->codec;
    const struct dialect_error known = call_shown_error(call, error);
    const bool is_told = inference->has_started && inference->stream.reply && codec->stream_fail &&
                         codec->stream_fail(&inference->stream, error);
    inference_leave(inference, LEDGER_FAILED);
    if (!inference->has_line)
        call_note_refusal(call, error);
    inference_tell_end(inference, known.status, known.name);
    if (!inference->has_started) {
        inference_release(inference);
        call_fail(call, error);
        return;
    }
    struct buf frames = inference->out;
    buf_init(&inference->out, 0);
    inference_release(inference);
    call_fail_stream(call, &frames, error, is_told);
    buf_deinit(&frames);
}
