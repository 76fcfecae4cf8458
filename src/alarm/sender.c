/* sender.c - see sender.h. */
#include "alarm/sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "alarm/hook.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"

#define SECRET_MAX ((size_t)4096)
#define IDLE_MS 60000u /* at most between two looks */
#define FAULT_MS 1000u /* after the store could not be asked */
#define LOGGED_MAX 256 /* actions without a web hook that the log names, each once */

struct sender {
    struct alarm_store *store;
    const struct alarm_config *config;
    pthread_mutex_t mutex; /* of what stands below it */
    pthread_cond_t wake;
    bool must_look;
    atomic_bool is_over;
    pthread_t thread;
    bool has_thread;
    uint64_t logged[LOGGED_MAX]; /* the thread's own */
    size_t logged_count;
};

/* --- one action ------------------------------------------------------------------------------------- */

/* Read anew each time, so that it may be changed while the server runs. */
static enum error_code read_secret(const struct alarm_hook *hook, struct buf *secret, struct error *error)
{
    if (hook->secret_file && file_read(hook->secret_file, secret, error) != OK)
        return error->code;
    const char *value = hook->secret_env ? getenv(hook->secret_env) : NULL;
    if (value)
        buf_append_text(secret, value);
    if ((hook->secret_file || hook->secret_env) && str_trim(buf_str(secret)).len == 0)
        return error_set(error, ERROR_UNAVAILABLE, "the secret of its web hook is empty");
    return OK;
}

static enum error_code deliver(struct sender *sender, const struct alarm_hook *hook,
                               const struct alarm_action *action, struct arena *arena, struct error *error)
{
    struct buf secret;
    buf_init(&secret, SECRET_MAX);
    const char *url = hook->action ? hook->url : arena_strdup(arena, action->action);
    enum error_code code = url ? read_secret(hook, &secret, error) : error_no_memory(error);
    if (code == OK)
        code = hook_post(url, str_trim(buf_str(&secret)), action->body, &sender->is_over, error);
    buf_deinit(&secret);
    return code;
}

static bool is_logged(struct sender *sender, struct str action)
{
    const uint64_t hash = str_hash(action);
    for (size_t i = 0; i < sender->logged_count; i++)
        if (sender->logged[i] == hash)
            return true;
    if (sender->logged_count < LOGGED_MAX)
        sender->logged[sender->logged_count++] = hash;
    return false;
}

/* The alarm keeps its ARN: it may mean something elsewhere. */
static enum error_code pass_over(struct sender *sender, const struct alarm_action *action, struct error *error)
{
    if (!is_logged(sender, action->action))
        log_event(LOG_WARN, "an alarm's action has no web hook: give it one under alarms.actions",
                  LOG_S("alarm", action->name), LOG_S("action", action->action));
    return alarm_action_end(sender->store, action, false, STR("no web hook is configured for it"), clock_wall_us(),
                            error);
}

static uint64_t pause_us(const struct sender *sender, unsigned tries)
{
    const uint64_t most_us = (uint64_t)LIMIT_ALARM_PAUSE_MAX_S * 1000000;
    const uint64_t pause = sender->config->retry_ms * 1000 << (tries < 20 ? tries : 20);
    return pause < most_us ? pause : most_us;
}

static enum error_code note_failure(struct sender *sender, const struct alarm_action *action,
                                    const struct error *why, struct error *error)
{
    const uint64_t now_us = clock_wall_us();
    const bool is_last = action->tries + 1 >= LIMIT_ALARM_TRIES;
    log_event(LOG_WARN, is_last ? "alarm action given up" : "alarm action failed, will be tried again",
              LOG_S("alarm", action->name), LOG_S("action", action->action), LOG_I("tries", action->tries + 1),
              LOG_C("error", why->message));
    if (is_last)
        return alarm_action_end(sender->store, action, false, str_of(why->message), now_us, error);
    return alarm_action_later(sender->store, action, now_us + pause_us(sender, action->tries), error);
}

static enum error_code work_on(struct sender *sender, const struct alarm_action *action, struct arena *arena,
                               struct error *error)
{
    const struct alarm_hook *hook = alarm_hook_of(sender->config, action->action);
    struct error why = {0};
    if (!hook)
        return pass_over(sender, action, error);
    const enum error_code code = deliver(sender, hook, action, arena, &why);
    if (atomic_load(&sender->is_over) && code != OK)
        return OK; /* it was broken off: the next server sends it */
    if (code != OK)
        return note_failure(sender, action, &why, error);
    log_event(LOG_INFO, "alarm action", LOG_S("alarm", action->name), LOG_S("action", action->action),
              LOG_I("tries", action->tries + 1));
    return alarm_action_end(sender->store, action, true, STR("taken by the web hook"), clock_wall_us(), error);
}

/* --- the thread ------------------------------------------------------------------------------------- */

/* All that is due. Gives how long to wait for more, in milliseconds. */
static uint64_t look(struct sender *sender)
{
    struct error error = {0};
    uint64_t due_us = 0, now_us = 0;
    bool has_one = true;
    enum error_code code = OK;
    while (code == OK && has_one && !atomic_load(&sender->is_over)) {
        struct alarm_action action;
        struct arena arena;
        arena_init(&arena, 0);
        now_us = clock_wall_us();
        code = alarm_action_next(sender->store, now_us, &arena, &action, &has_one, &due_us, &error);
        if (code == OK && has_one)
            code = work_on(sender, &action, &arena, &error);
        arena_deinit(&arena);
    }
    if (code != OK)
        log_event(LOG_ERROR, "actions of alarms can't be read", LOG_C("error", error.message));
    if (code != OK)
        return FAULT_MS;
    const uint64_t wait_ms = due_us > now_us ? (due_us - now_us) / 1000 + 1 : IDLE_MS;
    return wait_ms < IDLE_MS ? wait_ms : IDLE_MS;
}

static void *run(void *ctx)
{
    struct sender *sender = ctx;
    while (!atomic_load(&sender->is_over)) {
        const struct timespec until = clock_after_ms(look(sender));
        int waited = 0;
        pthread_mutex_lock(&sender->mutex);
        while (!sender->must_look && !atomic_load(&sender->is_over) && waited != ETIMEDOUT)
            waited = pthread_cond_timedwait(&sender->wake, &sender->mutex, &until);
        sender->must_look = false;
        pthread_mutex_unlock(&sender->mutex);
    }
    return NULL;
}

void sender_wake(struct sender *sender)
{
    pthread_mutex_lock(&sender->mutex);
    sender->must_look = true;
    pthread_cond_signal(&sender->wake);
    pthread_mutex_unlock(&sender->mutex);
}

enum error_code sender_open(struct alarm_store *store, const struct alarm_config *config, struct sender **out,
                            struct error *error)
{
    pthread_condattr_t clock;
    struct sender *sender = mem_calloc(1, sizeof(*sender));
    if (!sender)
        return error_no_memory(error);
    sender->store = store;
    sender->config = config;
    pthread_mutex_init(&sender->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->wake, &clock);
    pthread_condattr_destroy(&clock);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    sender->has_thread = pthread_create(&sender->thread, NULL, run, sender) == 0;
    if (!sender->has_thread) {
        sender_close(sender);
        return error_set(error, ERROR_IO, "no thread could be started for the actions of alarms");
    }
    *out = sender;
    return OK;
}

void sender_close(struct sender *sender)
{
    if (!sender)
        return;
    atomic_store(&sender->is_over, true);
    sender_wake(sender);
    if (sender->has_thread)
        pthread_join(sender->thread, NULL);
    curl_global_cleanup();
    pthread_cond_destroy(&sender->wake);
    pthread_mutex_destroy(&sender->mutex);
    mem_free(sender);
}
