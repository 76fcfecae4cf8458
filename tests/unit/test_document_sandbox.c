/* What a process can do inside the sandbox of document readers: each wall alone, and all of them. Every attempt runs
 * in a child of its own, on files that the child may read and write while it is outside. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "document/sandbox.h"

#define CONTENT "what nobody inside may touch"

static char victim[] = "/tmp/fulcrum-sandbox-XXXXXX"; /* anybody may read and write it */
static int listener;                                  /* on loopback */
static struct sockaddr_in address;

/* --- attempts: 0 refused, 1 it worked --------------------------------------------------------------- */

static int tries_read(void)
{
    char byte;
    const int fd = open(victim, O_RDONLY);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

static int tries_write(void)
{
    const int fd = open(victim, O_WRONLY);
    return fd >= 0;
}

static int tries_truncate(void)
{
    return truncate(victim, 0) == 0;
}

static int tries_open_truncating(void)
{
    return open(victim, O_RDONLY | O_TRUNC) >= 0;
}

static int tries_create(void)
{
    return open("/tmp/fulcrum-sandbox-created", O_CREAT | O_WRONLY, 0600) >= 0;
}

static int tries_chmod(void)
{
    return chmod(victim, 0600) == 0;
}

static int tries_unlink(void)
{
    return unlink(victim) == 0;
}

static int tries_link(void)
{
    return symlink(victim, "/tmp/fulcrum-sandbox-link") == 0;
}

static int tries_connect(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static int tries_udp(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static int tries_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static int tries_memory_of_parent(void)
{
    char byte;
    const struct iovec here = {&byte, 1}, there = {&byte, 1};
    return syscall(SYS_process_vm_readv, getppid(), &here, 1, &there, 1, 0) == 1;
}

static int tries_signal(void)
{
    return kill(getppid(), 0) == 0;
}

static int tries_fork(void)
{
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static int tries_exec(void)
{
    char *argv[] = {"true", NULL};
    execv("/bin/true", argv);
    return errno == ENOEXEC;
}

static int tries_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int tries_uring(void)
{
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static int tries_namespace(void)
{
    return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */) == 0;
}

struct attempt {
    const char *name;
    int (*attempt)(void);
};

#define ATTEMPT(name) {#name, tries_##name}

/* Status of `attempt` in a child that `prepare` has locked in; below 0: it could not be. */
static int outcome(bool (*prepare)(void), const struct attempt *attempt)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(!prepare() ? 100 : attempt->attempt());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return 0; /* killed for trying */
    return WEXITSTATUS(status) == 100 ? -1 : WEXITSTATUS(status);
}

static void expect_all(bool (*prepare)(void), const struct attempt *attempts, size_t count, int expected)
{
    for (size_t i = 0; i < count; i++) {
        const int got = outcome(prepare, &attempts[i]);
        if (got != expected)
            print_error("%s: %d, expected %d\n", attempts[i].name, got, expected);
        assert_int_equal(got, expected);
    }
}

static void expect_untouched(void)
{
    char content[64] = "";
    struct stat info;
    const int fd = open(victim, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, content, sizeof(content)), sizeof(CONTENT) - 1);
    assert_string_equal(content, CONTENT);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666);
    close(fd);
    assert_int_equal(access("/tmp/fulcrum-sandbox-created", F_OK), -1);
    assert_int_equal(access("/tmp/fulcrum-sandbox-link", F_OK), -1);
}

/* --- ways in ---------------------------------------------------------------------------------------- */

static bool stay_outside(void)
{
    return true;
}

static bool close_files_only(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_close_files(NULL) > 0;
}

static bool close_calls_of_readers(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_close_calls(false);
}

static bool close_calls_of_programs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sandbox_close_calls(true);
}

static bool enter_as(const char *program)
{
    struct sandbox_walls walls = {0};
    struct error error;
    return sandbox_enter(program, &walls, &error) == OK && walls.has_call_filter && walls.is_unprivileged;
}

static bool enter_as_reader(void)
{
    return enter_as(NULL);
}

static bool enter_as_program(void)
{
    return enter_as("/usr/bin/pdftotext");
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) > 0;
}

static const struct attempt on_files[] = {
    ATTEMPT(read), ATTEMPT(write), ATTEMPT(open_truncating), ATTEMPT(create), ATTEMPT(unlink), ATTEMPT(link)};
static const struct attempt on_content[] = {ATTEMPT(write),   ATTEMPT(truncate), ATTEMPT(open_truncating),
                                            ATTEMPT(create), ATTEMPT(chmod),    ATTEMPT(unlink), ATTEMPT(link)};
static const struct attempt on_others[] = {ATTEMPT(connect), ATTEMPT(udp), ATTEMPT(ptrace), ATTEMPT(memory_of_parent),
                                           ATTEMPT(signal), ATTEMPT(fork), ATTEMPT(uring), ATTEMPT(namespace)};
static const struct attempt on_itself[] = {ATTEMPT(exec), ATTEMPT(code)};

#define ALL(prepare, attempts, expected) \
    expect_all((prepare), (attempts), sizeof(attempts) / sizeof((attempts)[0]), (expected))

/* --- tests ------------------------------------------------------------------------------------------ */

/* Otherwise the tests below would show nothing. */
static void outside_all_of_it_works(void **state)
{
    (void)state;
    const struct attempt harmless[] = {ATTEMPT(read), ATTEMPT(write), ATTEMPT(connect), ATTEMPT(udp), ATTEMPT(ptrace),
                                       ATTEMPT(signal), ATTEMPT(fork), ATTEMPT(code)};
    ALL(stay_outside, harmless, 1);
}

static void landlock_alone_keeps_files(void **state)
{
    (void)state;
    if (!has_landlock())
        skip();
    ALL(close_files_only, on_files, 0);
    const struct attempt truncation = ATTEMPT(truncate);
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) >= 3)
        assert_int_equal(outcome(close_files_only, &truncation), 0);
    expect_untouched();
}

static void filter_alone_keeps_everything(void **state)
{
    (void)state;
    ALL(close_calls_of_readers, on_files, 0);
    ALL(close_calls_of_readers, on_content, 0);
    ALL(close_calls_of_readers, on_others, 0);
    ALL(close_calls_of_readers, on_itself, 0);
    expect_untouched();
}

/* Programs open files to read: Landlock says which. */
static void filter_of_programs_keeps_all_but_reading(void **state)
{
    (void)state;
    ALL(close_calls_of_programs, on_content, 0);
    ALL(close_calls_of_programs, on_others, 0);
    expect_untouched();
}

static void sandbox_keeps_everything(void **state)
{
    (void)state;
    ALL(enter_as_reader, on_files, 0);
    ALL(enter_as_reader, on_content, 0);
    ALL(enter_as_reader, on_others, 0);
    ALL(enter_as_reader, on_itself, 0);
    if (has_landlock())
        ALL(enter_as_program, on_files, 0);
    ALL(enter_as_program, on_content, 0);
    ALL(enter_as_program, on_others, 0);
    expect_untouched();
}

static void missing_walls_are_named(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    sandbox_append_missing(&(struct sandbox_walls){1, true, true}, &out);
    assert_int_equal(out.len, 0);
    sandbox_append_missing(&(struct sandbox_walls){0, true, true}, &out);
    assert_true(str_find(buf_str(&out), STR("no Landlock"), 0) == 0);
    buf_clear(&out);
    sandbox_append_missing(&(struct sandbox_walls){0, false, false}, &out);
    assert_true(str_find(buf_str(&out), STR("no Landlock"), 0) >= 0);
    assert_true(str_find(buf_str(&out), STR("; no seccomp filter"), 0) >= 0);
    assert_true(str_find(buf_str(&out), STR("; root cannot become nobody"), 0) >= 0);
    buf_deinit(&out);
}

/* The probe's own attempts: all of them work outside, none inside. */
static int escapes(bool (*prepare)(void))
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct buf out;
        buf_init(&out, 4096);
        if (!buf_reserve(&out, 4096) || !prepare())
            _exit(100);
        sandbox_append_escapes(&out);
        int count = out.len > 0;
        for (size_t i = 0; i < out.len; i++)
            count += out.data[i] == ';';
        _exit(count);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool take_own_file(void)
{
    const int fd = memfd_create("own", 0);
    return fd >= 0 && dup2(fd, 0) == 0;
}

static void probe_finds_what_is_open(void **state)
{
    (void)state;
    assert_int_equal(escapes(take_own_file), 7);
    assert_int_equal(escapes(close_calls_of_readers), 0);
    assert_int_equal(escapes(enter_as_reader), 0);
    if (has_landlock())
        assert_int_equal(escapes(enter_as_program), 0);
}

static int make_victims(void **state)
{
    (void)state;
    socklen_t len = sizeof(address);
    const int fd = mkstemp(victim);
    if (fd < 0 || write(fd, CONTENT, sizeof(CONTENT) - 1) != sizeof(CONTENT) - 1 || fchmod(fd, 0666))
        return -1;
    close(fd);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return bind(listener, (const struct sockaddr *)&address, sizeof(address)) || listen(listener, 128) ||
           getsockname(listener, (struct sockaddr *)&address, &len);
}

static int remove_victims(void **state)
{
    (void)state;
    close(listener);
    return unlink(victim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_all_of_it_works),     cmocka_unit_test(landlock_alone_keeps_files),
        cmocka_unit_test(filter_alone_keeps_everything), cmocka_unit_test(filter_of_programs_keeps_all_but_reading),
        cmocka_unit_test(sandbox_keeps_everything),    cmocka_unit_test(missing_walls_are_named),
        cmocka_unit_test(probe_finds_what_is_open),
    };
    return cmocka_run_group_tests_name("document_sandbox", tests, make_victims, remove_victims);
}
