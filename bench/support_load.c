/* support_load.c - see support_load.h. */
#include "support_load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/util.h"

#define LATENCIES_MAX 2000000
#define REPLY_MAX ((size_t)8 << 20)
#define PATIENCE_MS 60000 /* of one reply; peers under 64 clients take their time */

struct client {
    int fd;
    struct buf in;
    size_t expected; /* length of the reply, 0 while its head is not whole, SIZE_MAX: until its last chunk */
    uint64_t begun_us;
};

struct run {
    struct load *load;
    struct client clients[LOAD_CLIENTS_MAX];
    int epoll;
    uint64_t done, wanted, until_us; /* whichever comes first ends it */
};

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

void load_init(struct load *load)
{
    *load = (struct load){.latencies = mem_must_calloc(LATENCIES_MAX, sizeof(*load->latencies))};
}

void load_deinit(struct load *load)
{
    mem_free(load->latencies);
}

int load_connect(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        die("connect");
    return fd;
}

void load_send(int fd, struct str data)
{
    while (data.len > 0) {
        const ssize_t len = send(fd, data.data, data.len, MSG_NOSIGNAL);
        if (len <= 0)
            die("send");
        data = str_slice(data, (size_t)len, data.len);
    }
}

static void ask(struct run *run, struct client *client)
{
    client->begun_us = clock_now_us();
    buf_clear(&client->in);
    client->expected = 0;
    load_send(client->fd, run->load->request);
}

static void open_client(struct run *run, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    buf_init(&client->in, REPLY_MAX);
    client->fd = load_connect(run->load->port);
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        die("epoll");
}

/* Of the head's line with this name, which servers write as they like; no data: there is none. */
static struct str header(struct str head, struct str name)
{
    struct str line;
    while (str_split(&head, '\n', &line)) {
        if (line.len > name.len && strncasecmp(line.data, name.data, name.len) == 0)
            return str_trim(str_slice(line, name.len, line.len));
    }
    return (struct str){0};
}

/* A reply must be a 200 with a length, or chunked. */
static void read_head(struct client *client)
{
    const struct str in = buf_str(&client->in);
    const ptrdiff_t head = str_find(in, STR("\r\n\r\n"), 0);
    uint64_t length;
    if (head < 0)
        return;
    if (!str_starts(in, STR("HTTP/1.1 200 "))) {
        (void)fprintf(stderr, STR_FMT "\n", STR_ARG(str_slice(in, 0, 2000)));
        errno = 0;
        die("a reply is not 200");
    }
    const struct str number = header(str_slice(in, 0, (size_t)head + 2), STR("content-length:"));
    if (number.data && !str_to_u64(number, &length))
        die("a reply's length is no number");
    client->expected = number.data ? (size_t)head + 4 + length : SIZE_MAX;
}

static bool is_whole(struct client *client)
{
    if (client->expected == 0)
        read_head(client);
    if (client->expected == SIZE_MAX)
        return str_ends(buf_str(&client->in), STR("\r\n0\r\n\r\n"));
    return client->expected > 0 && client->in.len >= client->expected;
}

static void receive(struct run *run, struct client *client)
{
    struct load *load = run->load;
    struct buf *in = &client->in;
    if (!buf_reserve(in, 16384))
        die("a reply is too long");
    const ssize_t len = recv(client->fd, in->data + in->len, in->cap - in->len, MSG_DONTWAIT);
    if (len <= 0)
        die("recv");
    in->len += (size_t)len;
    if (!is_whole(client))
        return;
    const uint64_t now = clock_now_us();
    if (load->latency_count < LATENCIES_MAX)
        load->latencies[load->latency_count++] = (double)(now - client->begun_us);
    run->done++;
    if (run->done < run->wanted && now < run->until_us)
        ask(run, client);
}

double load_run(struct load *load, size_t clients, uint64_t calls, uint64_t us)
{
    struct epoll_event events[LOAD_CLIENTS_MAX];
    const uint64_t from = clock_now_us();
    struct run run = {.load = load, .epoll = epoll_create1(EPOLL_CLOEXEC), .wanted = calls, .until_us = from + us};
    load->latency_count = 0;
    for (size_t i = 0; i < clients; i++) {
        open_client(&run, &run.clients[i]);
        ask(&run, &run.clients[i]);
    }
    while (run.done < calls && clock_now_us() < run.until_us) {
        const int count = epoll_wait(run.epoll, events, LOAD_CLIENTS_MAX, PATIENCE_MS);
        if (count <= 0)
            die("no reply for a minute");
        for (int i = 0; i < count; i++)
            receive(&run, events[i].data.ptr);
    }
    const double rate = (double)run.done * 1e6 / (double)(clock_now_us() - from);
    for (size_t i = 0; i < clients; i++) {
        (void)close(run.clients[i].fd);
        buf_deinit(&run.clients[i].in);
    }
    (void)close(run.epoll);
    return rate;
}
