/* The wall around files: Landlock, as much of it as the running kernel knows.
 *
 * A ruleset names the kinds of access that it handles; a kind that is handled is refused but where a rule allows it.
 * Newer kernels have more kinds, and refuse a ruleset with one that they don't know, so the set is cut to what the
 * kernel's version (its ABI) has. Landlock never handles metadata (chmod, chown, times): the list of calls does. */
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "document/sandbox.h"

/* Kinds of access by the ABI that brought them; older headers lack the later ones. */
#define FILES_ABI_1 ((UINT64_C(1) << 13) - 1) /* execute, write, read, read folder, remove 2, make 7 */
#define FILES_REFER (UINT64_C(1) << 13)       /* ABI 2: link and rename to another folder */
#define FILES_TRUNCATE (UINT64_C(1) << 14)    /* ABI 3 */
#define FILES_IOCTL (UINT64_C(1) << 15)       /* ABI 5: of devices */
#define NET_ALL UINT64_C(3)                   /* ABI 4: bind and connect, TCP */
#define SCOPE_ALL UINT64_C(3)                 /* ABI 6: abstract sockets and signals to outside */
#define CREATE_VERSION 1u

_Static_assert(FILES_ABI_1 == (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, "ABI 1 ends with symbolic links");

/* struct landlock_ruleset_attr of ABI 6. An older kernel takes a longer one when what it does not know is 0. */
struct ruleset {
    uint64_t files, net, scoped;
};

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

static struct ruleset ruleset_of(int abi)
{
    return (struct ruleset){
        .files = FILES_ABI_1 | (abi >= 2 ? FILES_REFER : 0) | (abi >= 3 ? FILES_TRUNCATE : 0) |
                 (abi >= 5 ? FILES_IOCTL : 0),
        .net = abi >= 4 ? NET_ALL : 0,
        .scoped = abi >= 6 ? SCOPE_ALL : 0,
    };
}

int sandbox_close_files(const char *program)
{
    const int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    if (abi < 1)
        return 0;
    const struct ruleset handled = ruleset_of(abi);
    const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
    if (ruleset < 0)
        return 0;
    if (program)
        allow_program(ruleset, program);
    const bool holds = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                       syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return holds ? abi : 0;
}
