/* support_provider.c - see support_provider.h. One thread, epoll; what a reply says is written once, at the start. */
#include "support_provider.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/util.h"

#define BACKLOG 4096
#define EVENTS 256
#define REQUEST_MAX ((size_t)64 << 20)
#define READ_BYTES ((size_t)65536)

struct peer {
    int fd;
    struct buf in;
    size_t length; /* of the request, head and body; 0: its head is not whole */
};

static struct {
    struct buf whole, stream, held;
} replies;

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench provider: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- replies ----------------------------------------------------------------------------------------- */

#define USAGE "{\"prompt_tokens\":12,\"completion_tokens\":16,\"total_tokens\":28}"
#define CHUNK "\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1796000000,\"model\":\"instant\""

static void append_chunk(struct buf *out, const char *rest)
{
    struct buf event;
    buf_init(&event, 4096);
    buf_appendf(&event, "data: {" CHUNK ",%s}\n\n", rest);
    buf_appendf(out, "%zx\r\n" STR_FMT "\r\n", event.len, STR_ARG(buf_str(&event)));
    buf_deinit(&event);
}

static void begin_stream(struct buf *out)
{
    buf_init(out, 65536);
    buf_append_text(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    append_chunk(out, "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                      "\"finish_reason\":null}]");
    append_chunk(out, "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"},\"finish_reason\":null}]");
}

static void write_replies(void)
{
    struct buf body;
    buf_init(&body, 4096);
    buf_append_text(&body, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1796000000,"
                           "\"model\":\"instant\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":"
                           "{\"role\":\"assistant\",\"content\":\"word");
    for (int i = 1; i < PROVIDER_REPLY_TOKENS; i++)
        buf_append_text(&body, " word");
    buf_append_text(&body, "\"}}],\"usage\":" USAGE "}");
    buf_init(&replies.whole, 65536);
    buf_appendf(&replies.whole, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n"
                STR_FMT, body.len, STR_ARG(buf_str(&body)));
    begin_stream(&replies.held);
    begin_stream(&replies.stream);
    for (int i = 1; i < PROVIDER_REPLY_TOKENS; i++)
        append_chunk(&replies.stream,
                     "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]");
    append_chunk(&replies.stream, "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]");
    append_chunk(&replies.stream, "\"choices\":[],\"usage\":" USAGE);
    buf_append_text(&replies.stream, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    buf_deinit(&body);
    if (replies.whole.failed || replies.stream.failed || replies.held.failed)
        die("replies");
}

/* --- requests ---------------------------------------------------------------------------------------- */

static void leave(struct peer *peer)
{
    (void)close(peer->fd);
    buf_deinit(&peer->in);
    mem_free(peer);
}

/* The length of what has come so far, once its head is there. */
static size_t length_of(struct str in)
{
    const ptrdiff_t head = str_find(in, STR("\r\n\r\n"), 0);
    struct str lines = str_slice(in, 0, head < 0 ? 0 : (size_t)head + 2), line;
    uint64_t length = 0;
    if (head < 0)
        return 0;
    while (str_split(&lines, '\n', &line)) {
        const struct str name = STR("content-length:");
        if (line.len > name.len && strncasecmp(line.data, name.data, name.len) == 0 &&
            !str_to_u64(str_trim(str_slice(line, name.len, line.len)), &length))
            die("a request's length is no number");
    }
    return (size_t)head + 4 + length;
}

/* Clients write members as they like. */
static bool says(struct str body, struct str member, struct str value)
{
    ptrdiff_t at = str_find(body, member, 0);
    if (at < 0)
        return false;
    const struct str rest = str_trim(str_slice(body, (size_t)at + member.len, (size_t)at + member.len + 32));
    return str_starts(rest, value);
}

/* False: the client has gone. */
static bool answer(struct peer *peer)
{
    const struct str request = str_slice(buf_str(&peer->in), 0, peer->length);
    const bool is_stream = says(request, STR("\"stream\":"), STR("true"));
    const bool is_held = is_stream && says(request, STR("\"model\":"), STR("\"held\""));
    struct str reply = buf_str(is_held ? &replies.held : is_stream ? &replies.stream : &replies.whole);
    while (reply.len > 0) {
        const ssize_t len = send(peer->fd, reply.data, reply.len, MSG_NOSIGNAL);
        if (len <= 0)
            return false;
        reply = str_slice(reply, (size_t)len, reply.len);
    }
    buf_clear(&peer->in); /* nobody sends two requests at once */
    peer->length = 0;
    return true;
}

static void receive(struct peer *peer)
{
    if (!buf_reserve(&peer->in, READ_BYTES))
        die("a request is too long");
    const ssize_t len = recv(peer->fd, peer->in.data + peer->in.len, peer->in.cap - peer->in.len, MSG_DONTWAIT);
    if (len <= 0) {
        leave(peer);
        return;
    }
    peer->in.len += (size_t)len;
    if (peer->length == 0)
        peer->length = length_of(buf_str(&peer->in));
    if (peer->length > 0 && peer->in.len >= peer->length && !answer(peer))
        leave(peer);
}

_Noreturn static void serve(int listener)
{
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int on = 1;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    write_replies();
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        die("epoll");
    for (;;) {
        const int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer) {
                receive(peer);
                continue;
            }
            peer = mem_must_calloc(1, sizeof(*peer));
            buf_init(&peer->in, REQUEST_MAX);
            peer->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            event.data.ptr = peer;
            if (peer->fd < 0 || setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
                epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event) != 0)
                die("accept");
        }
    }
}

struct bench_provider bench_provider_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, len) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        die("listen");
    const struct bench_provider provider = {.pid = fork(), .port = ntohs(address.sin_port)};
    if (provider.pid < 0)
        die("fork");
    if (provider.pid == 0)
        serve(listener);
    (void)close(listener);
    return provider;
}

void bench_provider_stop(const struct bench_provider *provider)
{
    (void)kill(provider->pid, SIGKILL);
    (void)waitpid(provider->pid, NULL, 0);
}
