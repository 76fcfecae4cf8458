/* broker.c - see broker.h. */
#include "engine/broker.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/must.h"
#include "core/str.h"
#include "core/util.h"

#define WINDOW_BUSY_US 100000       /* decide after so much time in steps */
#define BROKER_DELAY_SHARE 0.20     /* of a compute thread's time spent waiting for a CPU */
#define BROKER_RETRY_FIRST_US 1000000
#define BROKER_RETRY_MAX_US 16000000

uint32_t broker_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    const int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (uint32_t)count;
}

static enum error_code map_page(struct broker *broker, struct error *error)
{
    void *page = mmap(NULL, sizeof(struct broker_page), PROT_READ | PROT_WRITE, MAP_SHARED, broker->fd, 0);
    if (page == MAP_FAILED)
        return error_set(error, ERROR_IO, "mapping the page shared with the workers failed");
    broker->page = page;
    return OK;
}

enum error_code broker_create(struct broker *broker, struct error *error)
{
    broker->page = NULL;
    broker->fd = memfd_create("fulcrum-broker", MFD_CLOEXEC);
    if (broker->fd < 0 || ftruncate(broker->fd, sizeof(struct broker_page)) != 0) {
        broker_deinit(broker);
        return error_set(error, ERROR_IO, "creating the page shared with the workers failed");
    }
    const enum error_code code = map_page(broker, error);
    if (code != OK) {
        broker_deinit(broker);
        return code;
    }
    atomic_store(&broker->page->cores, broker_cores());
    return OK;
}

enum error_code broker_attach(struct broker *broker, int fd, struct error *error)
{
    broker->page = NULL;
    broker->fd = fd;
    if (lseek(fd, 0, SEEK_END) < (off_t)sizeof(struct broker_page))
        return error_set(error, ERROR_INVALID, "descriptor %d is not the gateway's shared page", fd);
    return map_page(broker, error);
}

void broker_deinit(struct broker *broker)
{
    if (broker->page != NULL)
        munmap(broker->page, sizeof(struct broker_page));
    if (broker->fd >= 0)
        close(broker->fd);
    broker->page = NULL;
    broker->fd = -1;
}

/* Raises slot_count over `slot`. */
static void count_slot(struct broker_page *page, uint32_t slot)
{
    uint32_t count = atomic_load(&page->slot_count);
    while (count <= slot && !atomic_compare_exchange_weak(&page->slot_count, &count, slot + 1))
        continue;
}

void broker_release(struct broker *broker, uint32_t slot)
{
    must(slot < BROKER_SLOTS, "a worker has a slot", LOG_I("slot", slot), LOG_I("slots", BROKER_SLOTS));
    atomic_store(&broker->page->slots[slot].wanted, 0);
    atomic_store(&broker->page->slots[slot].using, 0);
    atomic_store(&broker->page->slots[slot].step_began_us, 0);
    atomic_store(&broker->page->slots[slot].progress_us, 0);
    atomic_store(&broker->page->slots[slot].cache_bytes, 0); /* its memory went with it */
    atomic_store(&broker->page->slots[slot].cache_tokens, 0);
    for (size_t tier = 0; tier < TIERS; tier++) {
        atomic_store(&broker->page->slots[slot].queued_tokens[tier], 0);
        atomic_store(&broker->page->slots[slot].queued[tier], 0);
        atomic_store(&broker->page->slots[slot].running[tier], 0);
        atomic_store(&broker->page->slots[slot].preempted[tier], 0);
    }
}

void broker_claim(struct broker *broker, uint32_t index)
{
    struct broker_slot *slot = &broker->page->slots[index];
    _Atomic uint64_t *const counters[] = {
        &slot->heartbeat_us,      &slot->prefilled_tokens,  &slot->generated_tokens, &slot->steps,
        &slot->cache_disk_bytes,  &slot->cache_disk_tokens, &slot->cache_evicted,    &slot->recomputed_tokens,
        &slot->steps_us,          &slot->steps_error_us,
    };
    broker_release(broker, index);
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        atomic_store(counters[i], 0);
    for (size_t tier = 0; tier < TIERS; tier++)
        atomic_store(&slot->preemptions[tier], 0);
    count_slot(broker->page, index);
}

static bool serves_somebody(const struct broker_slot *slot)
{
    uint32_t requests = 0;
    for (size_t tier = 0; tier < TIERS; tier++)
        if (tier != TIER_BATCH)
            requests += atomic_load_explicit(&slot->queued[tier], memory_order_relaxed) +
                        atomic_load_explicit(&slot->running[tier], memory_order_relaxed);
    return requests > 0;
}

bool broker_has_room(const struct broker *broker, uint32_t number)
{
    const struct broker_page *page = broker->page;
    const uint32_t cores = atomic_load_explicit(&page->cores, memory_order_relaxed);
    const uint32_t counted = atomic_load_explicit(&page->slot_count, memory_order_relaxed);
    uint64_t taken = number;
    for (uint32_t i = 0; i < counted && i < BROKER_SLOTS; i++)
        if (serves_somebody(&page->slots[i]))
            taken += atomic_load_explicit(&page->slots[i].wanted, memory_order_relaxed);
    return taken < cores;
}

/* --- the worker's side ------------------------------------------------------------------------------ */

void broker_client_init(struct broker_client *client, struct broker *broker, uint32_t slot, uint32_t threads_max,
                        bool is_fixed)
{
    *client = (struct broker_client){
        .page = broker->page,
        .slot = &broker->page->slots[slot],
        .threads_max = threads_max,
        .ceiling = threads_max,
        .is_fixed = is_fixed,
        .retry_after_us = BROKER_RETRY_FIRST_US,
    };
    count_slot(broker->page, slot);
    if (sched_getaffinity(0, sizeof(client->cores), &client->cores) != 0)
        CPU_ZERO(&client->cores);
}

void broker_client_watch(struct broker_client *client, uint32_t task)
{
    if (client->task_count < BROKER_TASKS_MAX)
        client->tasks[client->task_count++] = task;
}

/* Nanoseconds the thread was runnable but not running; 0 when the kernel does not tell. */
static uint64_t task_delay_ns(uint32_t task)
{
    char path[64], text[96];
    snprintf(path, sizeof(path), "/proc/self/task/%u/schedstat", task);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t len = read(fd, text, sizeof(text));
    close(fd);
    struct str rest = {text, len < 0 ? 0 : (size_t)len}, part;
    uint64_t delay = 0;
    if (!str_split(&rest, ' ', &part) || !str_split(&rest, ' ', &part) || !str_to_u64(part, &delay))
        return 0;
    return delay;
}

static uint64_t total_delay_us(const struct broker_client *client)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < client->task_count; i++)
        sum += task_delay_ns(client->tasks[i]);
    return sum / 1000;
}

/* Cores this worker may use beside the others that have work: an equal share,
 * and what those leave that can't use theirs. */
static uint32_t fair_share(const struct broker_client *client)
{
    const uint32_t cores = atomic_load_explicit(&client->page->cores, memory_order_relaxed);
    const uint32_t counted = atomic_load_explicit(&client->page->slot_count, memory_order_relaxed);
    const uint32_t slots = counted < BROKER_SLOTS ? counted : BROKER_SLOTS;
    uint32_t busy = 1, others = 0;
    for (size_t i = 0; i < slots; i++)
        if (&client->page->slots[i] != client->slot && atomic_load(&client->page->slots[i].wanted) > 0)
            busy++;
    const uint32_t equal = cores / busy > 0 ? cores / busy : 1;
    for (size_t i = 0; i < slots; i++) {
        const uint32_t wanted =
            &client->page->slots[i] == client->slot ? 0 : atomic_load(&client->page->slots[i].wanted);
        others += wanted < equal ? wanted : equal;
    }
    return others >= cores ? 1 : cores - others;
}

static void window_open(struct broker_client *client, uint64_t now_us)
{
    client->window_began_us = now_us;
    client->window_busy_us = 0;
    client->window_delay_us = total_delay_us(client);
}

/* The n-th core of the set, counted round. */
static cpu_set_t nth_core(const cpu_set_t *set, uint32_t n)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    n %= (uint32_t)CPU_COUNT(set);
    for (size_t core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, set) && n-- == 0) {
            CPU_SET(core, &one);
            break;
        }
    }
    return one;
}

/* Workers begin at different cores, so that on a large machine they do not meet. */
static void place_threads(struct broker_client *client, uint32_t threads)
{
    if (client->placed == threads || CPU_COUNT(&client->cores) == 0)
        return;
    client->placed = threads;
    client->window_began_us = 0;
    const uint32_t first = (uint32_t)(client->slot - client->page->slots) * threads;
    for (uint32_t i = 0; i < client->task_count; i++) {
        const cpu_set_t set = threads > 1 ? nth_core(&client->cores, first + i) : client->cores;
        (void)sched_setaffinity((pid_t)client->tasks[i], sizeof(set), &set); /* only slower where it is refused */
    }
}

uint32_t broker_client_begin(struct broker_client *client, uint64_t now_us)
{
    atomic_store_explicit(&client->slot->step_began_us, now_us, memory_order_relaxed);
    if (client->is_fixed || client->threads_max == 1) {
        atomic_store(&client->slot->wanted, client->threads_max);
        place_threads(client, client->threads_max);
        return client->threads_max;
    }
    if (client->ceiling < client->threads_max && now_us >= client->retry_at_us)
        client->ceiling = client->threads_max;
    atomic_store(&client->slot->wanted, client->ceiling);
    const uint32_t share = fair_share(client);
    const uint32_t threads = share < client->ceiling ? share : client->ceiling;
    place_threads(client, threads);
    if (client->window_began_us == 0)
        window_open(client, now_us);
    atomic_store_explicit(&client->slot->using, threads, memory_order_relaxed);
    return threads;
}

/* One thread waiting for a CPU holds up all at the next barrier, so what counts
 * is the delay of all threads together against the time of one. */
static void judge_window(struct broker_client *client, uint64_t now_us, uint32_t threads)
{
    const uint64_t delay = total_delay_us(client) - client->window_delay_us;
    if (threads > 1 && (double)delay > BROKER_DELAY_SHARE * (double)client->window_busy_us) {
        client->ceiling = threads - 1;
        client->retry_at_us = now_us + client->retry_after_us;
        client->retry_after_us *= 2;
        if (client->retry_after_us > BROKER_RETRY_MAX_US)
            client->retry_after_us = BROKER_RETRY_MAX_US;
    } else if (threads == client->threads_max) {
        client->retry_after_us = BROKER_RETRY_FIRST_US;
    }
    window_open(client, now_us);
}

void broker_client_end(struct broker_client *client, uint64_t now_us)
{
    struct broker_slot *slot = client->slot;
    const uint64_t began = atomic_load_explicit(&slot->step_began_us, memory_order_relaxed);
    broker_client_progress(client, now_us);
    atomic_store_explicit(&slot->step_began_us, 0, memory_order_relaxed);
    if (client->is_fixed || client->threads_max == 1)
        return;
    client->window_busy_us += now_us - began;
    if (client->window_busy_us >= WINDOW_BUSY_US)
        judge_window(client, now_us, atomic_load_explicit(&slot->using, memory_order_relaxed));
}

void broker_client_idle(struct broker_client *client)
{
    atomic_store(&client->slot->wanted, 0);
    atomic_store_explicit(&client->slot->using, 0, memory_order_relaxed);
    client->window_began_us = 0; /* threads that sleep do not wait */
    broker_client_progress(client, 0);
}

void broker_client_progress(struct broker_client *client, uint64_t now_us)
{
    atomic_store_explicit(&client->slot->progress_us, now_us, memory_order_relaxed);
}
