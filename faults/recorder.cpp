// Loaded into a process of the tests with LD_PRELOAD: sees every call that changes files below one folder.
//
// It can write them down with their data (a trace, from which what a power loss leaves is built), kill the
// process before the n-th of them, or have the n-th fail. Nothing happens until recorder_arm is called.
// A record of the trace: <kind: u8, handle-free path lengths and sizes as u32 and u64, little endian, data>.
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {
enum Kind : uint8_t { WRITE = 1, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, LINK, MKDIR, RMDIR, MARK };

std::recursive_mutex guard;
std::string root;
int trace = -1, with_data = 0, fail_errno = 0, sticky = 0;
long kill_at = 0, fail_at = 0, count = 0;

template <typename F> F real(const char *name) { return reinterpret_cast<F>(dlsym(RTLD_NEXT, name)); }
#define REAL(name) static auto original = real<decltype(&name)>(#name)

ssize_t put(int handle, const void *data, size_t size) {
    static auto original = real<ssize_t (*)(int, const void *, size_t)>("write");
    return original(handle, data, size);
}

// root ends with a slash; it is itself among what is followed.
bool below(const std::string &path) {
    return !root.empty() && (path.compare(0, root.size(), root) == 0 || path + "/" == root);
}

std::string path_of(int handle) {
    if (root.empty()) return "";
    char name[64], found[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(name, found, sizeof found);
    return length > 0 ? std::string(found, length) : "";
}

std::string absolute(int folder, const char *path) {
    if (root.empty() || path == nullptr) return "";
    std::string text(path);
    if (text[0] != '/') {
        char here[4096];
        std::string base = folder == AT_FDCWD ? (getcwd(here, sizeof here) ? here : "") : path_of(folder);
        text = base + "/" + text;
    }
    return text;
}

void record(Kind kind, const std::string &path, const std::string &other, uint64_t offset, const void *data,
            uint64_t size) {
    if (trace < 0) return;
    if (!with_data && kind != MARK) size = 0;
    uint32_t lengths[2] = {(uint32_t)path.size(), (uint32_t)other.size()};
    uint64_t numbers[2] = {offset, size};
    std::string line(1, (char)kind);
    line.append((char *)lengths, sizeof lengths).append((char *)numbers, sizeof numbers);
    line.append(path).append(other);
    if (size) line.append((const char *)data, size);
    put(trace, line.data(), line.size());
}

// Counts a call that is about to change something; true where it must fail, with errno set.
bool refused(Kind kind, bool takes_space) {
    count++;
    if (kill_at && count == kill_at) kill(getpid(), SIGKILL);
    bool due = fail_at && (sticky ? count >= fail_at && takes_space : count == fail_at);
    (void)kind;
    if (due) errno = fail_errno;
    return due;
}
} // namespace

extern "C" {
void recorder_arm(const char *folder, const char *file, int data, long kill_number, long fail_number, int error,
                  int stays) {
    std::lock_guard<std::recursive_mutex> held(guard);
    trace = file[0] ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    with_data = data, kill_at = kill_number, fail_at = fail_number, fail_errno = error, sticky = stays;
    count = 0;
    root = folder;
}

long recorder_count() { return count; }

void recorder_mark(const char *text) {
    std::lock_guard<std::recursive_mutex> held(guard);
    record(MARK, "", "", 0, text, strlen(text));
}

#define GUARDED(path, kind, takes_space)                                                                       \
    std::lock_guard<std::recursive_mutex> held(guard);                                                         \
    bool ours = below(path);                                                                                   \
    if (ours && refused(kind, takes_space)) return -1;

ssize_t write(int handle, const void *data, size_t size) {
    REAL(write);
    if (root.empty() || handle == trace) return original(handle, data, size);
    std::string path = path_of(handle);
    GUARDED(path, WRITE, true)
    off_t at = ours ? lseek(handle, 0, SEEK_CUR) : 0;
    if (ours && (fcntl(handle, F_GETFL) & O_APPEND)) at = lseek(handle, 0, SEEK_END);
    ssize_t done = original(handle, data, size);
    if (ours && done > 0) record(WRITE, path, "", at, data, done);
    return done;
}

ssize_t writev(int handle, const struct iovec *parts, int number) {
    if (root.empty() || !below(path_of(handle))) {
        REAL(writev);
        return original(handle, parts, number);
    }
    std::string all;
    for (int i = 0; i < number; i++) all.append((char *)parts[i].iov_base, parts[i].iov_len);
    return write(handle, all.data(), all.size());
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    if (root.empty()) return original(handle, data, size, at);
    std::string path = path_of(handle);
    GUARDED(path, WRITE, true)
    ssize_t done = original(handle, data, size, at);
    if (ours && done > 0) record(WRITE, path, "", at, data, done);
    return done;
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t at) { return pwrite64(handle, data, size, at); }

// What copies inside the kernel is asked to be done by hand.
ssize_t sendfile64(int, int, off64_t *, size_t) { errno = EINVAL; return -1; }
ssize_t sendfile(int, int, off_t *, size_t) { errno = EINVAL; return -1; }
ssize_t copy_file_range(int, off64_t *, int, off64_t *, size_t, unsigned) { errno = ENOSYS; return -1; }

int ftruncate64(int handle, off64_t size) {
    REAL(ftruncate64);
    if (root.empty()) return original(handle, size);
    std::string path = path_of(handle);
    GUARDED(path, TRUNCATE, false)
    int done = original(handle, size);
    if (ours && done == 0) record(TRUNCATE, path, "", size, nullptr, 0);
    return done;
}
int ftruncate(int handle, off_t size) { return ftruncate64(handle, size); }
int posix_fallocate64(int, off64_t, off64_t) { return EINVAL; }
int posix_fallocate(int, off_t, off_t) { return EINVAL; }

int fsync(int handle) {
    REAL(fsync);
    if (root.empty()) return original(handle);
    std::string path = path_of(handle);
    GUARDED(path, SYNC, false)
    int done = original(handle);
    if (ours && done == 0) record(SYNC, path, "", 0, nullptr, 0);
    return done;
}
int fdatasync(int handle) { return fsync(handle); }

static int opened(int folder, const char *path, int flags, mode_t mode, const char *name) {
    static auto original = real<int (*)(int, const char *, int, mode_t)>("openat64");
    (void)name;
    if (root.empty() || !(flags & (O_CREAT | O_TRUNC))) return original(folder, path, flags, mode);
    std::string full = absolute(folder, path);
    std::lock_guard<std::recursive_mutex> held(guard);
    if (!below(full)) return original(folder, path, flags, mode);
    struct stat64 before;
    bool there = stat64(full.c_str(), &before) == 0;
    if (!there && refused(CREATE, true)) return -1;
    int handle = original(folder, path, flags, mode);
    if (handle >= 0 && !there) record(CREATE, full, "", 0, nullptr, 0);
    if (handle >= 0 && there && (flags & O_TRUNC)) record(TRUNCATE, full, "", 0, nullptr, 0);
    return handle;
}
#define MODE                                                                                                   \
    mode_t mode = 0;                                                                                           \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                       \
        va_list more;                                                                                          \
        va_start(more, flags);                                                                                 \
        mode = va_arg(more, mode_t);                                                                           \
        va_end(more);                                                                                          \
    }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode, "open"); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode, "open64"); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode, "at"); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode, "at"); }

int renameat(int from, const char *old_path, int to, const char *new_path) {
    REAL(renameat);
    std::string source = absolute(from, old_path), target = absolute(to, new_path);
    GUARDED(target, RENAME, false)
    int done = original(from, old_path, to, new_path);
    if (ours && done == 0) record(RENAME, source, target, 0, nullptr, 0);
    return done;
}
int rename(const char *source, const char *target) { return renameat(AT_FDCWD, source, AT_FDCWD, target); }

int linkat(int from, const char *old_path, int to, const char *new_path, int flags) {
    REAL(linkat);
    std::string source = absolute(from, old_path), target = absolute(to, new_path);
    GUARDED(target, LINK, true)
    int done = original(from, old_path, to, new_path, flags);
    if (ours && done == 0) record(LINK, source, target, 0, nullptr, 0);
    return done;
}
int link(const char *source, const char *target) { return linkat(AT_FDCWD, source, AT_FDCWD, target, 0); }

int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    std::string full = absolute(folder, path);
    Kind kind = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    struct stat64 before;
    std::lock_guard<std::recursive_mutex> held(guard);
    bool ours = below(full) && lstat64(full.c_str(), &before) == 0;
    if (ours && refused(kind, false)) return -1;
    int done = original(folder, path, flags);
    if (ours && done == 0) record(kind, full, "", 0, nullptr, 0);
    return done;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat);
    std::string full = absolute(folder, path);
    struct stat64 before;
    std::lock_guard<std::recursive_mutex> held(guard);
    bool ours = below(full) && lstat64(full.c_str(), &before) != 0;
    if (ours && refused(MKDIR, true)) return -1;
    int done = original(folder, path, mode);
    if (ours && done == 0) record(MKDIR, full, "", 0, nullptr, 0);
    return done;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
}
