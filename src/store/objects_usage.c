/* objects_usage.c - counts bytes by tenant in memory, from a walk at the start and from what changes after. Keeps
 * nothing on disk. See objects_usage.h. */
#include "store/objects_usage.h"

#include <inttypes.h>
#include <search.h>

#include "core/mem.h"
#include "core/must.h"
#include "store/objects_backend.h"

struct usage_account {
    struct str tenant; /* first; its bytes lie behind the struct */
    uint64_t bytes;
    unsigned holders;    /* charges */
    bool has_advantage;  /* one of them has a credit */
};

static int compare_tenants(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len > 0 ? memcmp(x->data, y->data, len) : 0;
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void objects_usage_init(struct objects_usage *usage, objects_quota *quota, const void *quota_ctx)
{
    *usage = (struct objects_usage){.quota = quota, .quota_ctx = quota_ctx};
    pthread_mutex_init(&usage->mutex, NULL);
}

void objects_usage_deinit(struct objects_usage *usage)
{
    while (usage->accounts) {
        struct usage_account *account = *(struct usage_account **)usage->accounts;
        (void)tdelete(account, &usage->accounts, compare_tenants);
        mem_free(account);
    }
    pthread_mutex_destroy(&usage->mutex);
}

/* --- the mutex is held --- */

static struct usage_account *find(struct objects_usage *usage, struct str tenant)
{
    struct usage_account **found = tfind(&tenant, &usage->accounts, compare_tenants);
    return found ? *found : NULL;
}

static struct usage_account *find_or_make(struct objects_usage *usage, struct str tenant)
{
    struct usage_account *account = find(usage, tenant);
    if (account)
        return account;
    account = mem_calloc(1, sizeof(*account) + tenant.len);
    if (!account)
        return NULL;
    if (tenant.len > 0)
        memcpy(account + 1, tenant.data, tenant.len);
    account->tenant = (struct str){(const char *)(account + 1), tenant.len};
    if (tsearch(account, &usage->accounts, compare_tenants))
        return account;
    mem_free(account);
    return NULL;
}

static void free_if_idle(struct objects_usage *usage, struct usage_account *account)
{
    if (account->bytes > 0 || account->holders > 0)
        return;
    (void)tdelete(account, &usage->accounts, compare_tenants);
    mem_free(account);
}

/* A file that was changed by hand must not make the count wrap. */
static void subtract(struct usage_account *account, uint64_t bytes)
{
    account->bytes -= bytes < account->bytes ? bytes : account->bytes;
}

/* --- charges --- */

enum objects_problem objects_charge_begin(struct objects_usage *usage, struct str tenant, uint64_t replaced,
                                          struct objects_charge *charge, struct error *error)
{
    *charge = (struct objects_charge){0};
    if (!usage->quota)
        return OBJECTS_OK;
    pthread_mutex_lock(&usage->mutex);
    struct usage_account *account = find_or_make(usage, tenant);
    if (account) {
        account->holders++;
        charge->account = account;
        if (replaced > 0 && !account->has_advantage) {
            account->has_advantage = true;
            charge->credit = replaced;
        }
    }
    pthread_mutex_unlock(&usage->mutex);
    return account ? OBJECTS_OK : objects_no_memory(error);
}

enum objects_problem objects_charge_raise(struct objects_usage *usage, struct objects_charge *charge, uint64_t total,
                                          struct error *error)
{
    struct usage_account *account = charge->account;
    if (!account || total <= charge->bytes)
        return OBJECTS_OK;
    const uint64_t quota = usage->quota(usage->quota_ctx, account->tenant), more = total - charge->bytes;
    pthread_mutex_lock(&usage->mutex);
    uint64_t bytes = account->bytes;
    bool fits = quota == 0 || (more <= quota + charge->credit && bytes <= quota + charge->credit - more);
    if (fits) {
        account->bytes += more;
        charge->bytes = total;
    }
    pthread_mutex_unlock(&usage->mutex);
    if (fits)
        return OBJECTS_OK;
    return objects_fail(error, OBJECTS_QUOTA,
                        "The quota of your objects is %" PRIu64 " bytes, %" PRIu64 " are used, and this needs %" PRIu64
                        " more: delete objects or abort uploads, or have 'objects: {quota}' raised.",
                        quota, bytes, more);
}

static void end_charge(struct objects_usage *usage, struct objects_charge *charge, uint64_t more, uint64_t less)
{
    struct usage_account *account = charge->account;
    if (!account)
        return;
    pthread_mutex_lock(&usage->mutex);
    account->bytes += more;
    subtract(account, less);
    must(account->holders > 0, "a charge ends once", LOG_I("more", more), LOG_I("less", less));
    account->holders--;
    if (charge->credit > 0)
        account->has_advantage = false;
    free_if_idle(usage, account);
    pthread_mutex_unlock(&usage->mutex);
    *charge = (struct objects_charge){0};
}

void objects_charge_keep(struct objects_usage *usage, struct objects_charge *charge, uint64_t kept, uint64_t replaced)
{
    end_charge(usage, charge, kept, charge->bytes + replaced);
}

void objects_charge_drop(struct objects_usage *usage, struct objects_charge *charge)
{
    end_charge(usage, charge, 0, charge->bytes);
}

/* --- without a charge --- */

enum objects_problem objects_usage_add(struct objects_usage *usage, struct str tenant, uint64_t bytes,
                                       struct error *error)
{
    if (!usage->quota || bytes == 0)
        return OBJECTS_OK;
    pthread_mutex_lock(&usage->mutex);
    struct usage_account *account = find_or_make(usage, tenant);
    if (account)
        account->bytes += bytes;
    pthread_mutex_unlock(&usage->mutex);
    return account ? OBJECTS_OK : objects_no_memory(error);
}

void objects_usage_subtract(struct objects_usage *usage, struct str tenant, uint64_t bytes)
{
    if (!usage->quota || bytes == 0)
        return;
    pthread_mutex_lock(&usage->mutex);
    struct usage_account *account = find(usage, tenant);
    if (account) {
        subtract(account, bytes);
        free_if_idle(usage, account);
    }
    pthread_mutex_unlock(&usage->mutex);
}

bool objects_usage_bytes(struct objects_usage *usage, struct str tenant, uint64_t *bytes)
{
    if (!usage->quota)
        return false;
    pthread_mutex_lock(&usage->mutex);
    const struct usage_account *account = find(usage, tenant);
    *bytes = account ? account->bytes : 0;
    pthread_mutex_unlock(&usage->mutex);
    return true;
}
