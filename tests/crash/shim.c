/* A layer below the program under test: counts what it does to the files below one directory, and at one of these
 * events kills the process or lets the disk fail. Preloaded, so that Python, SQLite and FAISS all go through it.
 *
 * What to do is in one page of shared memory, a file named by CRASH_PAGE, so that whoever watches can read how far a
 * killed process had come. Every event is also written to the file CRASH_TRACE, if that is set: a line of number, commits
 * so far, 1 if it was done, kind, path, old path, offset and size, and after the line of a write its bytes.
 * Files of SQLite's shared memory (-shm) are left alone: they hold no data and are made anew after a crash.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY, FAIL_ONCE, FAIL_ON, SHORT_ONCE, SHORT_THEN_FAIL_ON };

struct page {
    volatile int64_t begun;       /* events */
    int64_t at, action, error;    /* what to do at which event */
    volatile int64_t hit;         /* events that the disk failed, or 1 for a kill */
    volatile int64_t commits;     /* counted by the program under test */
    volatile int64_t kept;        /* how many there were at the first hit */
    char what[32], path[PATH_MAX]; /* the event at which something was done */
};

static struct page *page;
static char directory[PATH_MAX];
static size_t length;
static int trace = -1;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

/* The program under test calls this when it is forked from a process that was not watched. */
void crash_arm(void) {
    const char *below = getenv("CRASH_DIRECTORY"), *shared = getenv("CRASH_PAGE"), *lines = getenv("CRASH_TRACE");
    if (!below || !shared) return;
    int handle = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
    if (handle < 0) return;
    void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    syscall(SYS_close, handle);
    if (mapped == MAP_FAILED) return;
    snprintf(directory, sizeof directory, "%s", below);
    length = strlen(directory);
    if (lines) trace = (int)syscall(SYS_openat, AT_FDCWD, lines, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    page = mapped;
}

__attribute__((constructor)) static void start(void) {
    if (!getenv("CRASH_LATER")) crash_arm();
}

/* Tells the watcher that one more transaction has returned. */
void crash_committed(void) {
    if (page) page->commits++;
}

static int inside(const char *path) {
    if (strncmp(path, directory, length) || (path[length] && path[length] != '/')) return 0;
    size_t all = strlen(path);
    return all < 4 || strcmp(path + all - 4, "-shm");
}

/* Whether a name lies below the directory; its absolute form. */
static int named(int at, const char *path, char *out) {
    if (!page || !path) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
    } else {
        char link[64], folder[PATH_MAX / 2];
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t size = readlink(link, folder, sizeof folder - 1);
        if (size < 0) return 0;
        folder[size] = 0;
        snprintf(out, PATH_MAX, "%s/%.2000s", folder, path);
    }
    return inside(out);
}

static int held(int fd, char *out) {
    if (!page || fd == trace) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, out, PATH_MAX - 1);
    if (size < 0) return 0;
    out[size] = 0;
    return inside(out);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static void note(const char *what, const char *path) {
    page->hit++;
    if (page->what[0]) return;
    page->kept = page->commits;
    snprintf(page->what, sizeof page->what, "%s", what);
    snprintf(page->path, sizeof page->path, "%s", path);
}

/* What a full disk refuses; one that is broken refuses everything. */
static int refused(const char *what) {
    return page->error != ENOSPC || (strcmp(what, "unlink") && strcmp(what, "open"));
}

/* `create` where opening makes the file. */
static const char *opening(const char *path, int flags) {
    return (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) ? "create" : "open";
}

/* One deed: `old` is what a rename moves, `offset` where a write goes, how long a file becomes, or 1 if opening empties
 * it. */
struct event {
    int64_t number;
    const char *what, *path, *old;
    const void *data;
    int64_t offset, size;
};

/* 0 to do it, 1 to do half of it, -1 when it fails. */
static int begin(struct event *event) {
    int64_t here = event->number = __atomic_add_fetch(&page->begun, 1, __ATOMIC_SEQ_CST);
    if (page->action == NOTHING || here < page->at) return 0;
    if (here == page->at) {
        switch (page->action) {
        case KILL_BEFORE:
            note(event->what, event->path);
            die();
            break;
        case KILL_HALFWAY:
        case SHORT_ONCE:
            note(event->what, event->path);
            return 1;
        case KILL_AFTER:
            note(event->what, event->path);
            return 0;
        case SHORT_THEN_FAIL_ON:
            if (event->size > 1) {
                note(event->what, event->path);
                return 1;
            }
        }
    }
    int failing = page->action == FAIL_ON || page->action == SHORT_THEN_FAIL_ON ||
                  (page->action == FAIL_ONCE && here == page->at);
    if (failing && refused(event->what)) {
        note(event->what, event->path);
        errno = (int)page->error;
        return -1;
    }
    return 0;
}

static void end(const struct event *event, int done) {
    int before = errno;
    if (event->number == page->at && (page->action == KILL_AFTER || page->action == KILL_HALFWAY)) die();
    if (trace >= 0) {
        char line[2 * PATH_MAX + 128];
        int size = snprintf(line, sizeof line, "%lld\t%lld\t%d\t%s\t%s\t%s\t%lld\t%lld\n", (long long)event->number,
                            (long long)page->commits, done, event->what, event->path + length,
                            event->old ? event->old + length : "", (long long)event->offset,
                            (long long)event->size);
        struct iovec parts[2] = {{line, size}, {(void *)event->data, event->data ? event->size : 0}};
        syscall(SYS_writev, trace, parts, 2);
    }
    errno = before;
}

#define EVENT(event, call)                                        \
    do {                                                          \
        if (begin(&event) < 0) return -1;                         \
        int result = call;                                        \
        end(&event, result >= 0);                                 \
        return result;                                            \
    } while (0)

#define WRITE(bytes, from, at, all, half)                         \
    do {                                                          \
        char path[PATH_MAX];                                      \
        if (!held(fd, path)) return all;                          \
        struct event event = {.what = "write", .path = path, .data = from, .offset = at, .size = bytes}; \
        int how = begin(&event);                                  \
        if (how < 0) return -1;                                   \
        ssize_t result = how && event.size > 1 ? half : all;      \
        end(&event, result == event.size);                        \
        return result;                                            \
    } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*call)(int, const void *, size_t);
    if (!call) call = real("write");
    WRITE(size, data, lseek(fd, 0, SEEK_CUR), call(fd, data, size), call(fd, data, size / 2));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    static ssize_t (*call)(int, const void *, size_t, off_t);
    if (!call) call = real("pwrite");
    WRITE(size, data, at, call(fd, data, size, at), call(fd, data, size / 2, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    static ssize_t (*call)(int, const void *, size_t, off64_t);
    if (!call) call = real("pwrite64");
    WRITE(size, data, at, call(fd, data, size, at), call(fd, data, size / 2, at));
}

/* The next two are not used by the program today. What they write is not traced, which whoever reads a trace sees. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    static ssize_t (*call)(int, const struct iovec *, int);
    if (!call) call = real("writev");
    struct iovec first = {parts[0].iov_base, parts[0].iov_len / 2};
    WRITE(parts[0].iov_len, NULL, -1, call(fd, parts, count), call(fd, &first, 1));
}

ssize_t copy_file_range(int from, off64_t *in, int fd, off64_t *out, size_t size, unsigned int flags) {
    static ssize_t (*call)(int, off64_t *, int, off64_t *, size_t, unsigned int);
    if (!call) call = real("copy_file_range");
    WRITE(size, NULL, -1, call(from, in, fd, out, size, flags), call(from, in, fd, out, size / 2, flags));
}

#define ON_HANDLE(name, deed, type, length, given)                \
    int name type {                                               \
        static int(*call) type;                                   \
        char path[PATH_MAX];                                      \
        if (!call) call = real(#name);                            \
        if (!held(fd, path)) return call given;                   \
        struct event event = {.what = deed, .path = path, .offset = length}; \
        EVENT(event, call given);                                 \
    }

ON_HANDLE(fsync, "fsync", (int fd), 0, (fd))
ON_HANDLE(fdatasync, "fsync", (int fd), 0, (fd))
ON_HANDLE(ftruncate, "ftruncate", (int fd, off_t size), size, (fd, size))
ON_HANDLE(ftruncate64, "ftruncate", (int fd, off64_t size), size, (fd, size))

#define RENAME(name, type, from, to, given)                       \
    int name type {                                               \
        static int(*call) type;                                   \
        char path[PATH_MAX], before[PATH_MAX];                    \
        if (!call) call = real(#name);                            \
        if (!named(to, new, path) || !named(from, old, before)) return call given; \
        struct event event = {.what = "rename", .path = path, .old = before}; \
        EVENT(event, call given);                                 \
    }

RENAME(rename, (const char *old, const char *new), AT_FDCWD, AT_FDCWD, (old, new))
RENAME(renameat, (int from, const char *old, int to, const char *new), from, to, (from, old, to, new))
RENAME(renameat2, (int from, const char *old, int to, const char *new, unsigned int flags), from, to,
       (from, old, to, new, flags))

#define ON_NAME(name, deed, type, at, given)                      \
    int name type {                                               \
        static int(*call) type;                                   \
        char path[PATH_MAX];                                      \
        if (!call) call = real(#name);                            \
        if (!named(at, file, path)) return call given;            \
        struct event event = {.what = deed, .path = path};        \
        EVENT(event, call given);                                 \
    }

ON_NAME(unlink, "unlink", (const char *file), AT_FDCWD, (file))
ON_NAME(unlinkat, "unlink", (int folder, const char *file, int flags), folder, (folder, file, flags))
ON_NAME(mkdir, "mkdir", (const char *file, mode_t mode), AT_FDCWD, (file, mode))
ON_NAME(mkdirat, "mkdir", (int folder, const char *file, mode_t mode), folder, (folder, file, mode))

/* Opening is an event when it may write or make a file. */
#define OPEN(name, type, at, given)                               \
    int name type {                                               \
        static int(*call) type;                                   \
        char path[PATH_MAX];                                      \
        mode_t mode = 0;                                          \
        if (flags & O_CREAT) {                                    \
            va_list list;                                         \
            va_start(list, flags);                                \
            mode = va_arg(list, mode_t);                          \
            va_end(list);                                         \
        }                                                         \
        if (!call) call = real(#name);                            \
        if (!(flags & (O_CREAT | O_WRONLY | O_RDWR)) || !named(at, file, path)) return call given; \
        struct event event = {.what = opening(path, flags), .path = path, .offset = !!(flags & O_TRUNC)}; \
        EVENT(event, call given);                                 \
    }

OPEN(open, (const char *file, int flags, ...), AT_FDCWD, (file, flags, mode))
OPEN(open64, (const char *file, int flags, ...), AT_FDCWD, (file, flags, mode))
OPEN(openat, (int folder, const char *file, int flags, ...), folder, (folder, file, flags, mode))
OPEN(openat64, (int folder, const char *file, int flags, ...), folder, (folder, file, flags, mode))
