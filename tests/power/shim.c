/*
 * Records what a process writes below POWER_DIR, and what of it is synced, in
 * the order in which it happens: preloaded before libc (LD_PRELOAD).
 *
 * Each record is a head (kind, file, offset, length) and, for `name` and
 * `write`, as many bytes as its length says. `files.ts` reads it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME = 1, WRITE = 2, TRUNCATE = 3, SYNC = 4, UNLINK = 5 };
enum { FDS = 4096, FILES = 64 };

struct head {
  uint32_t kind, file;
  uint64_t offset, length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *folder;
static int file_of[FDS]; /* 0: not ours */
static char *names[FILES];

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("POWER_LOG");
  folder = getenv("POWER_DIR");
  if (log && folder) {
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    long wrote = syscall(SYS_write, log_fd, at, length);
    if (wrote <= 0) abort(); /* An incomplete record would prove nothing. */
    at += wrote;
    length -= wrote;
  }
}

static void record(int kind, int file, uint64_t offset, uint64_t length, const void *bytes) {
  struct head head = {kind, file, offset, length};
  put(&head, sizeof head);
  if (bytes) put(bytes, length);
}

/* The number of a file of ours, by its name; 0 for any other. */
static int number(const char *path) {
  if (log_fd < 0 || !path || strncmp(path, folder, strlen(folder)) != 0) return 0;
  for (int n = 1; n < FILES; n++) {
    if (names[n] && strcmp(names[n], path) == 0) return n;
    if (!names[n]) {
      names[n] = strdup(path);
      record(NAME, n, 0, strlen(path), path);
      return n;
    }
  }
  abort();
}

static int ours(int fd) { return fd >= 0 && fd < FDS ? file_of[fd] : 0; }

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FDS || log_fd < 0) return fd;
  pthread_mutex_lock(&mutex);
  file_of[fd] = number(path);
  if (file_of[fd] && (flags & O_TRUNC)) record(TRUNCATE, file_of[fd], 0, 0, NULL);
  pthread_mutex_unlock(&mutex);
  return fd;
}

#define MODE(flags)                                  \
  mode_t mode = 0;                                   \
  if ((flags) & (O_CREAT | O_TMPFILE)) {             \
    va_list list;                                    \
    va_start(list, flags);                           \
    mode = va_arg(list, mode_t);                     \
    va_end(list);                                    \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return opened(syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  return opened(syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags);
}

int close(int fd) {
  if (fd >= 0 && fd < FDS) file_of[fd] = 0;
  return syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  if (!ours(fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
  pthread_mutex_lock(&mutex);
  ssize_t wrote = syscall(SYS_pwrite64, fd, bytes, length, offset);
  if (wrote > 0) record(WRITE, ours(fd), offset, wrote, bytes);
  pthread_mutex_unlock(&mutex);
  return wrote;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (!ours(fd)) return syscall(SYS_write, fd, bytes, length);
  pthread_mutex_lock(&mutex);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  ssize_t wrote = syscall(SYS_write, fd, bytes, length);
  if (wrote > 0) record(WRITE, ours(fd), offset, wrote, bytes);
  pthread_mutex_unlock(&mutex);
  return wrote;
}

int ftruncate64(int fd, off64_t length) {
  pthread_mutex_lock(&mutex);
  int result = syscall(SYS_ftruncate, fd, length);
  if (result == 0 && ours(fd)) record(TRUNCATE, ours(fd), length, 0, NULL);
  pthread_mutex_unlock(&mutex);
  return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long call) {
  pthread_mutex_lock(&mutex);
  int result = syscall(call, fd);
  if (result == 0 && ours(fd)) record(SYNC, ours(fd), 0, 0, NULL);
  pthread_mutex_unlock(&mutex);
  return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

int unlink(const char *path) {
  pthread_mutex_lock(&mutex);
  int result = syscall(SYS_unlink, path);
  if (result == 0 && number(path)) record(UNLINK, number(path), 0, 0, NULL);
  pthread_mutex_unlock(&mutex);
  return result;
}
