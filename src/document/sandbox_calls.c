/* The wall around system calls: seccomp with a list of what is allowed; all else fails with EPERM.
 *
 * Failing instead of killing, since libraries ask for more than they need (a C library asks what kind of file its
 * output is, a loader looks for files that may be missing) and go on without. Two lists: our own readers have their
 * file on descriptor 0 and write to 1 and 2, so they need memory, those, and the end. A program that is executed also
 * has to be loaded, and reads its own data: files are opened to read, and Landlock says which.
 *
 * Some calls are allowed with certain arguments only: files are never opened to write, memory of our own
 * readers never becomes a program, signals go to the process itself. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "document/sandbox.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

enum condition {
    ALWAYS,
    WITHOUT_BITS, /* argument & value is 0 */
    WITH_VALUE,   /* argument is value */
    WITH_SELF,    /* argument is this process, or 0, which means it too */
};

struct rule {
    unsigned call;
    enum condition condition;
    unsigned argument;
    uint32_t value;
};

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))

/* Memory, three descriptors that are open already, time, and the end. */
static const struct rule for_everybody[] = {
    {__NR_read, ALWAYS, 0, 0},
    {__NR_readv, ALWAYS, 0, 0},
    {__NR_pread64, ALWAYS, 0, 0},
    {__NR_write, ALWAYS, 0, 0},
    {__NR_writev, ALWAYS, 0, 0},
    {__NR_lseek, ALWAYS, 0, 0},
    {__NR_fstat, ALWAYS, 0, 0},
    {__NR_close, ALWAYS, 0, 0},
    {__NR_brk, ALWAYS, 0, 0},
    {__NR_munmap, ALWAYS, 0, 0},
    {__NR_mremap, ALWAYS, 0, 0},
    {__NR_madvise, ALWAYS, 0, 0},
    {__NR_futex, ALWAYS, 0, 0},
    {__NR_getrandom, ALWAYS, 0, 0},
    {__NR_clock_gettime, ALWAYS, 0, 0},
    {__NR_gettimeofday, ALWAYS, 0, 0},
    {__NR_getpid, ALWAYS, 0, 0},
    {__NR_gettid, ALWAYS, 0, 0},
    {__NR_sched_yield, ALWAYS, 0, 0},
    {__NR_rt_sigaction, ALWAYS, 0, 0},
    {__NR_rt_sigprocmask, ALWAYS, 0, 0},
    {__NR_rt_sigreturn, ALWAYS, 0, 0},
    {__NR_sigaltstack, ALWAYS, 0, 0},
    {__NR_restart_syscall, ALWAYS, 0, 0},
    {__NR_tgkill, WITH_SELF, 0, 0},    /* how abort() ends a process */
    {__NR_prlimit64, WITH_SELF, 0, 0}, /* limits only ever shrink: no privileges */
    {__NR_exit, ALWAYS, 0, 0},
    {__NR_exit_group, ALWAYS, 0, 0},
};

static const struct rule for_our_readers[] = {
    {__NR_newfstatat, WITH_VALUE, 3, AT_EMPTY_PATH}, /* how newer C libraries ask fstat */
    {__NR_mmap, WITHOUT_BITS, 2, PROT_EXEC},
    {__NR_mprotect, WITHOUT_BITS, 2, PROT_EXEC},
};

/* Loading a program and its libraries, looking for files and reading them. */
static const struct rule for_programs[] = {
    {__NR_mmap, ALWAYS, 0, 0},
    {__NR_mprotect, ALWAYS, 0, 0},
    {__NR_execve, ALWAYS, 0, 0},
#ifdef __NR_open
    {__NR_open, WITHOUT_BITS, 1, WRITES},
    {__NR_stat, ALWAYS, 0, 0},
    {__NR_lstat, ALWAYS, 0, 0},
    {__NR_access, ALWAYS, 0, 0},
    {__NR_readlink, ALWAYS, 0, 0},
    {__NR_dup2, ALWAYS, 0, 0},
    {__NR_getpgrp, ALWAYS, 0, 0},
    {__NR_arch_prctl, ALWAYS, 0, 0},
#endif
    {__NR_openat, WITHOUT_BITS, 2, WRITES},
    {__NR_newfstatat, ALWAYS, 0, 0},
    {__NR_statx, ALWAYS, 0, 0},
    {__NR_faccessat, ALWAYS, 0, 0},
    {__NR_faccessat2, ALWAYS, 0, 0},
    {__NR_readlinkat, ALWAYS, 0, 0},
    {__NR_getdents64, ALWAYS, 0, 0},
    {__NR_getcwd, ALWAYS, 0, 0},
    {__NR_statfs, ALWAYS, 0, 0},
    {__NR_fstatfs, ALWAYS, 0, 0},
    {__NR_fadvise64, ALWAYS, 0, 0},
    {__NR_dup, ALWAYS, 0, 0},
    {__NR_dup3, ALWAYS, 0, 0},
    {__NR_fcntl, ALWAYS, 0, 0},
    {__NR_set_tid_address, ALWAYS, 0, 0},
    {__NR_set_robust_list, ALWAYS, 0, 0},
    {__NR_rseq, ALWAYS, 0, 0},
    {__NR_membarrier, ALWAYS, 0, 0},
    {__NR_getuid, ALWAYS, 0, 0},
    {__NR_geteuid, ALWAYS, 0, 0},
    {__NR_getgid, ALWAYS, 0, 0},
    {__NR_getegid, ALWAYS, 0, 0},
    {__NR_getppid, ALWAYS, 0, 0},
    {__NR_getpgid, ALWAYS, 0, 0},
    {__NR_uname, ALWAYS, 0, 0},
    {__NR_sysinfo, ALWAYS, 0, 0},
    {__NR_times, ALWAYS, 0, 0},
    {__NR_getrusage, ALWAYS, 0, 0},
    {__NR_clock_getres, ALWAYS, 0, 0},
    {__NR_clock_nanosleep, ALWAYS, 0, 0},
    {__NR_nanosleep, ALWAYS, 0, 0},
    {__NR_sched_getaffinity, WITH_SELF, 0, 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(name) (offsetof(struct seccomp_data, name))
#define RULE_CODE_MAX 6

struct filter {
    struct sock_filter code[RULE_CODE_MAX * (COUNT(for_everybody) + COUNT(for_programs)) + 16];
    unsigned short len;
};

static void put(struct filter *filter, unsigned short code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    filter->code[filter->len++] = (struct sock_filter){code, if_true, if_false, k};
}

static void put_return(struct filter *filter, uint32_t action)
{
    put(filter, BPF_RET | BPF_K, action, 0, 0);
}

/* The low half of an argument: flags and process IDs are 32 bits to the kernel as well. */
static void put_load(struct filter *filter, unsigned argument)
{
    put(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(FIELD(args) + 8 * argument), 0, 0);
}

/* With the call's number in the accumulator. Falls through to the next rule when it is another call. */
static void put_rule(struct filter *filter, const struct rule *rule)
{
    static const uint8_t check_len[] = {[ALWAYS] = 0, [WITHOUT_BITS] = 3, [WITH_VALUE] = 3, [WITH_SELF] = 4};
    put(filter, BPF_JMP | BPF_JEQ | BPF_K, rule->call, 0, (uint8_t)(check_len[rule->condition] + 1));
    if (rule->condition != ALWAYS)
        put_load(filter, rule->argument);
    switch (rule->condition) {
    case ALWAYS: break;
    case WITHOUT_BITS: put(filter, BPF_JMP | BPF_JSET | BPF_K, rule->value, 0, 1); break;
    case WITH_VALUE: put(filter, BPF_JMP | BPF_JEQ | BPF_K, rule->value, 1, 0); break;
    case WITH_SELF:
        put(filter, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 2, 0);
        put(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
        break;
    }
    if (rule->condition != ALWAYS)
        put_return(filter, SECCOMP_RET_ERRNO | EPERM);
    put_return(filter, SECCOMP_RET_ALLOW);
}

static void put_rules(struct filter *filter, const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_rule(filter, &rules[i]);
}

bool sandbox_close_calls(bool executes)
{
    struct filter filter = {.len = 0};
    put(&filter, BPF_LD | BPF_W | BPF_ABS, FIELD(arch), 0, 0);
    put(&filter, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    put_return(&filter, SECCOMP_RET_KILL_PROCESS); /* calls of another ABI have other numbers */
    put(&filter, BPF_LD | BPF_W | BPF_ABS, FIELD(nr), 0, 0); /* x32's have a bit more: on no list */
    if (executes)
        put_rules(&filter, for_programs, COUNT(for_programs));
    else
        put_rules(&filter, for_our_readers, COUNT(for_our_readers));
    put_rules(&filter, for_everybody, COUNT(for_everybody));
    put_return(&filter, SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog program = {.len = filter.len, .filter = filter.code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#else

bool sandbox_close_calls(bool executes)
{
    (void)executes;
    return false;
}

#endif
