/* Linked into every program of a build with SANITIZE=thread.
 *
 * libuv closes descriptors by syscall(SYS_close), which the sanitizer does not intercept, and it takes a descriptor
 * for open until it sees it closed. The kernel gives the number away again, to another thread, and each use of it
 * there is then reported as a race with the last one before the close. A suppression would have to name read, write
 * and close, and hide our own races; so the call is led to the close(2) that the sanitizer sees. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGUMENTS 6

typedef long syscall_fn(long number, ...);

static syscall_fn *libc_syscall(void)
{
    static _Atomic(syscall_fn *) found;
    syscall_fn *fn = atomic_load_explicit(&found, memory_order_relaxed);
    if (!fn) {
        *(void **)&fn = dlsym(RTLD_NEXT, "syscall"); /* POSIX's own way to make a function of it */
        atomic_store_explicit(&found, fn, memory_order_relaxed);
    }
    return fn;
}

/* Calls with fewer arguments read some that are not there, as libc's own does, and the kernel ignores them. */
long syscall(long number, ...)
{
    long arguments[ARGUMENTS];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < ARGUMENTS; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_close)
        return close((int)arguments[0]);
    return libc_syscall()(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
