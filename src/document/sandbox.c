#include "document/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/limits.h"

#define NOBODY 65534
#define OPEN_FILES_MAX 64

/* The sanitizers map terabytes that they never touch. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* --- resource limits -------------------------------------------------------------------------------- */

/* What this process has mapped already: its own program, which the limit is not about. */
static uint64_t mapped_bytes(void)
{
    char text[64] = "";
    unsigned long long pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (len <= 0 || sscanf(text, "%llu", &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool bound(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now))
        return false;
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    if (wanted.rlim_max > now.rlim_max)
        wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max)
        wanted.rlim_cur = wanted.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &wanted) == 0;
}

static bool bound_resources(void)
{
    uint64_t seconds = (limit(document_timeout_ms) + 999) / 1000;
    return bound(RLIMIT_CPU, seconds, seconds + 1) && bound(RLIMIT_FSIZE, 0, 0) && bound(RLIMIT_CORE, 0, 0) &&
           bound(RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX);
}

static void close_others(void)
{
    if (syscall(SYS_close_range, 3, ~0u, 0) == 0)
        return;
    for (int fd = 3; fd < 65536; fd++) /* Linux before 5.9 */
        close(fd);
}

/* Fails where the user namespace has no nobody; the other walls stand then. */
static void drop_root(void)
{
    if (geteuid() != 0)
        return;
    bool is_dropped = setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
                      setresuid(NOBODY, NOBODY, NOBODY) == 0;
    (void)is_dropped;
}

/* --- files: Landlock -------------------------------------------------------------------------------- */

static void allow_reading(int ruleset, const char *path, bool is_folder)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    if (is_folder)
        rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
    if (rule.parent_fd < 0)
        return;
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
}

/* Programs, their libraries and their data; nothing of anybody's own. */
static void allow_program(int ruleset, const char *program)
{
    static const char *const folders[] = {"/usr", "/bin", "/lib", "/lib64", "/etc/fonts", "/nix/store"};
    char folder[4096];
    const char *slash = strrchr(program, '/');
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        allow_reading(ruleset, folders[i], true);
    allow_reading(ruleset, "/etc/ld.so.cache", false);
    if (slash && slash != program && (size_t)(slash - program) < sizeof(folder)) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - program), program);
        allow_reading(ruleset, folder, true);
    }
}

static void close_files(const char *program)
{
    struct landlock_ruleset_attr handled = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                             LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
    };
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
    if (ruleset < 0)
        return;
    if (program)
        allow_program(ruleset, program);
    (void)syscall(SYS_landlock_restrict_self, ruleset, 0);
    close(ruleset);
}

/* --- system calls: seccomp -------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

static const unsigned denied[] = {
    /* the network, and io_uring, which has it without the calls */
    __NR_socket, __NR_socketpair, __NR_connect, __NR_bind, __NR_listen, __NR_accept, __NR_accept4, __NR_io_uring_setup,
/* other processes */
#ifdef __NR_fork
    __NR_fork, __NR_vfork,
#endif
    __NR_clone, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kill, __NR_tkill,
    __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo, __NR_pidfd_open, __NR_pidfd_getfd, __NR_pidfd_send_signal,
    __NR_setpriority, __NR_sched_setaffinity, __NR_shmget, __NR_semget, __NR_msgget, __NR_mq_open,
    /* administration */
    __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, __NR_unshare, __NR_setns, __NR_bpf, __NR_perf_event_open,
    __NR_add_key, __NR_request_key, __NR_keyctl, __NR_userfaultfd, __NR_kexec_load, __NR_init_module,
    __NR_finit_module, __NR_delete_module, __NR_reboot, __NR_swapon, __NR_swapoff, __NR_open_by_handle_at,
    __NR_personality,
};

#define DENIED_COUNT (sizeof(denied) / sizeof(denied[0]))
#define FIELD(name) (offsetof(struct seccomp_data, name))

struct filter {
    struct sock_filter code[3 * DENIED_COUNT + 32];
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

/* Skips the next instruction (`if_not` of them) unless the accumulator holds `value`. */
static void put_unless_equal(struct filter *filter, uint32_t value, uint8_t if_not)
{
    put(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, if_not);
}

static void put_denial(struct filter *filter, uint32_t call, uint32_t os_errno)
{
    put_unless_equal(filter, call, 1);
    put_return(filter, SECCOMP_RET_ERRNO | os_errno);
}

/* Allowed only with `value` as its first argument, a process. */
static void put_only_with(struct filter *filter, uint32_t call, uint32_t value)
{
    put_unless_equal(filter, call, 4);
    put(filter, BPF_LD | BPF_W | BPF_ABS, FIELD(args[0]), 0, 0);
    put_unless_equal(filter, value, 1);
    put_return(filter, SECCOMP_RET_ALLOW);
    put_return(filter, SECCOMP_RET_ERRNO | EPERM);
}

static void deny_calls(bool executes)
{
    struct filter filter = {.len = 0};
    put(&filter, BPF_LD | BPF_W | BPF_ABS, FIELD(arch), 0, 0);
    put(&filter, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    put_return(&filter, SECCOMP_RET_KILL_PROCESS); /* calls of another ABI have other numbers */
    put(&filter, BPF_LD | BPF_W | BPF_ABS, FIELD(nr), 0, 0);
#ifdef __X32_SYSCALL_BIT
    put(&filter, BPF_JMP | BPF_JGE | BPF_K, __X32_SYSCALL_BIT, 0, 1);
    put_return(&filter, SECCOMP_RET_ERRNO | EPERM);
#endif
    for (size_t i = 0; i < DENIED_COUNT; i++)
        put_denial(&filter, denied[i], EPERM);
    /* glibc asks for clone3 first and falls back to clone only when there is no such call. */
    put_denial(&filter, __NR_clone3, ENOSYS);
    put_denial(&filter, __NR_execveat, EPERM);
    if (!executes)
        put_denial(&filter, __NR_execve, EPERM);
    put_only_with(&filter, __NR_tgkill, (uint32_t)getpid()); /* how abort() ends a process */
    put_only_with(&filter, __NR_prlimit64, 0);
    put_return(&filter, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = filter.len, .filter = filter.code};
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#else

static void deny_calls(bool executes)
{
    (void)executes;
}

#endif

enum error_code sandbox_enter(const char *program, struct error *error)
{
    uint64_t memory = limit(document_memory_bytes) + (program ? 0 : mapped_bytes());
    close_others();
    if (!bound_resources())
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot set resource limits");
    drop_root();
    /* After the change of user, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot give up privileges");
    close_files(program);
    deny_calls(program != NULL);
    /* Last, since it may be less than what this program has mapped before it becomes the other. */
    if ((program || !IS_SANITIZED) && !bound(RLIMIT_AS, memory, memory))
        return error_set(error, ERROR_INTERNAL, "cannot limit memory");
    return OK;
}
