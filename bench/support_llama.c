/* support_llama.c - see support_llama.h. */
#include "support_llama.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support_server.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"

#define LOG_PATH "build/bench/llama-server.log"
#define REPLY_MAX ((size_t)16 << 20)
#define START_US 120000000u
#define REQUEST_TIMEOUT_S 600L

struct llama_server {
    pid_t pid;
    uint16_t port;
    CURL *curl;
    struct buf body, reply;
};

/* --- the program ------------------------------------------------------------------------------------ */

const char *llama_server_program(const char **why)
{
    static char path[4096];
    const char *chosen = getenv("BENCH_LLAMA_SERVER");
    *why = "skipped: BENCH_LLAMA_SERVER is empty";
    if (chosen != NULL)
        return chosen[0] != '\0' ? chosen : NULL;
    *why = "skipped: deps/llama-server could not build it";
    if (path[0] != '\0')
        return path[0] == '/' ? path : NULL;
    FILE *out = popen("deps/llama-server", "r");
    const bool is_read = out != NULL && fgets(path, sizeof(path), out) != NULL;
    if ((out == NULL || pclose(out) != 0) || !is_read)
        path[0] = '-'; /* not tried again */
    path[str_trim(str_of(path)).len] = '\0';
    return path[0] == '/' ? path : NULL;
}

/* --- the process ------------------------------------------------------------------------------------ */

static void exec_server(const struct llama_server_options *options, uint16_t port)
{
    char texts[5][24];
    const uint64_t numbers[] = {(uint64_t)options->context * options->parallel, options->parallel, options->cache_mib,
                                port, options->threads};
    const int log = open(LOG_PATH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        snprintf(texts[i], sizeof(texts[i]), "%llu", (unsigned long long)numbers[i]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options->is_released)
        setenv("GGML_CPU_TILES", "0", 1);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(1);
    execl(options->program, "llama-server", "--host", "127.0.0.1", "--port", texts[3], "--model", options->model,
          "--ctx-size", texts[0], "--parallel", texts[1], "--cache-ram", texts[2],
          options->threads > 0 ? "--threads" : (char *)NULL, texts[4], (char *)NULL);
    _exit(1);
}

static size_t take_reply(char *data, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, data, size * count) ? size * count : 0;
}

/* The reply's status, 0 without a reply; without a body it is a GET. */
static long call(struct llama_server *server, const char *path)
{
    char url[128];
    long status = 0;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
    buf_clear(&server->reply);
    curl_easy_setopt(server->curl, CURLOPT_URL, url);
    if (server->body.len > 0) {
        curl_easy_setopt(server->curl, CURLOPT_POSTFIELDS, server->body.data);
        curl_easy_setopt(server->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)server->body.len);
    }
    if (curl_easy_perform(server->curl) == CURLE_OK)
        curl_easy_getinfo(server->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* It answers 503 until the model is loaded. */
static bool wait_until_ready(struct llama_server *server)
{
    const uint64_t until_us = clock_now_us() + START_US;
    int status;
    while (clock_now_us() < until_us) {
        if (waitpid(server->pid, &status, WNOHANG) != 0) {
            server->pid = 0;
            return false;
        }
        if (call(server, "/health") == 200)
            return true;
        usleep(100000);
    }
    return false;
}

struct llama_server *llama_server_start(const struct llama_server_options *options, const char **why)
{
    struct llama_server *server = mem_must_calloc(1, sizeof(*server));
    *why = "skipped: it did not start, see " LOG_PATH;
    buf_init(&server->body, REPLY_MAX);
    buf_init(&server->reply, REPLY_MAX);
    server->port = bench_free_port();
    server->curl = curl_easy_init();
    if (server->port != 0 && server->curl != NULL) {
        curl_easy_setopt(server->curl, CURLOPT_PROXY, "");
        curl_easy_setopt(server->curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S);
        curl_easy_setopt(server->curl, CURLOPT_WRITEFUNCTION, take_reply);
        curl_easy_setopt(server->curl, CURLOPT_WRITEDATA, &server->reply);
        server->pid = fork();
        if (server->pid == 0)
            exec_server(options, server->port);
        if (server->pid > 0 && wait_until_ready(server))
            return server;
    }
    llama_server_stop(server);
    return NULL;
}

void llama_server_stop(struct llama_server *server)
{
    int status;
    if (server->pid > 0) {
        kill(server->pid, SIGKILL); /* it has nothing to save */
        waitpid(server->pid, &status, 0);
    }
    curl_easy_cleanup(server->curl);
    buf_deinit(&server->body);
    buf_deinit(&server->reply);
    mem_free(server);
}

int llama_server_pid(const struct llama_server *server)
{
    return (int)server->pid;
}

uint16_t llama_server_port(const struct llama_server *server)
{
    return server->port;
}

/* --- one request --------------------------------------------------------------------------------------- */

bool llama_server_complete(struct llama_server *server, struct str prompt, uint32_t max_tokens, uint32_t *read,
                           uint32_t *all)
{
    struct error error;
    yyjson_doc *document = NULL;
    buf_clear(&server->body);
    buf_append_text(&server->body, "{\"prompt\":");
    buf_append_json(&server->body, prompt);
    buf_appendf(&server->body, ",\"n_predict\":%u,\"temperature\":0,\"cache_prompt\":true}", max_tokens);
    if (server->body.failed || call(server, "/completion") != 200 ||
        json_parse(buf_str(&server->reply), &document, &error) != OK)
        return false;
    yyjson_val *timings = yyjson_obj_get(yyjson_doc_get_root(document), "timings");
    yyjson_val *cached = yyjson_obj_get(timings, "cache_n"), *computed = yyjson_obj_get(timings, "prompt_n");
    const bool is_right = yyjson_is_int(cached) && yyjson_is_int(computed);
    *read = (uint32_t)yyjson_get_int(cached);
    *all = *read + (uint32_t)yyjson_get_int(computed);
    json_free(document);
    return is_right;
}

/* --- many at once ----------------------------------------------------------------------------------- */

struct client {
    CURL *curl;
    struct buf body, reply;
};

static bool ask(const struct llama_server *server, CURLM *all, struct client *client, struct str prompt,
                uint32_t max_tokens)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/completion", server->port);
    buf_clear(&client->body);
    buf_clear(&client->reply);
    buf_append_text(&client->body, "{\"prompt\":");
    buf_append_json(&client->body, prompt);
    buf_appendf(&client->body, ",\"n_predict\":%u,\"temperature\":0,\"ignore_eos\":true,\"cache_prompt\":false}",
                max_tokens);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S);
    curl_easy_setopt(client->curl, CURLOPT_PRIVATE, client);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &client->reply);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, client->body.data);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)client->body.len);
    return !client->body.failed && curl_multi_add_handle(all, client->curl) == CURLM_OK;
}

/* Tokens of a reply; 0: it is none. */
static uint64_t predicted(const struct client *client)
{
    struct error error;
    yyjson_doc *document = NULL;
    if (json_parse(buf_str(&client->reply), &document, &error) != OK)
        return 0;
    const int64_t tokens = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(document), "tokens_predicted"));
    json_free(document);
    return tokens > 0 ? (uint64_t)tokens : 0;
}

/* The next client whose reply is there, waiting for it; NULL: none comes. */
static struct client *next_done(CURLM *all)
{
    const CURLMsg *message = NULL;
    int running, left;
    while ((message = curl_multi_info_read(all, &left)) == NULL) {
        if (curl_multi_perform(all, &running) != CURLM_OK)
            return NULL;
        if ((message = curl_multi_info_read(all, &left)) != NULL)
            break;
        if (running == 0 || curl_multi_poll(all, NULL, 0, 1000, NULL) != CURLM_OK)
            return NULL;
    }
    struct client *client = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &client);
    curl_multi_remove_handle(all, client->curl);
    return client;
}

uint64_t llama_server_complete_all(struct llama_server *server, const struct str *prompts, size_t count,
                                   uint32_t clients, uint32_t max_tokens)
{
    CURLM *all = curl_multi_init();
    struct client *each = mem_must_calloc(clients, sizeof(*each));
    struct client *done = NULL;
    uint64_t sum = 0;
    size_t next = 0, over = 0;
    for (uint32_t i = 0; i < clients; i++) {
        each[i].curl = curl_easy_init();
        buf_init(&each[i].body, REPLY_MAX);
        buf_init(&each[i].reply, REPLY_MAX);
        if (next < count && ask(server, all, &each[i], prompts[next], max_tokens))
            next++;
    }
    for (; over < count && (done = next_done(all)) != NULL; over++) {
        const uint64_t tokens = predicted(done);
        sum += tokens;
        if (tokens == 0 || (next < count && !ask(server, all, done, prompts[next++], max_tokens)))
            break;
    }
    for (uint32_t i = 0; i < clients; i++) {
        curl_multi_remove_handle(all, each[i].curl);
        curl_easy_cleanup(each[i].curl);
        buf_deinit(&each[i].body);
        buf_deinit(&each[i].reply);
    }
    curl_multi_cleanup(all);
    mem_free(each);
    return over == count ? sum : 0;
}
