// Sets the seeds of this process's hashing from a secret that its user keeps.
//
//      $XDG_STATE_HOME/softpm/hash-seed, else ~/.local/state/softpm/hash-seed
//      16 random bytes, mode 0600, in a directory of mode 0700
//
// 1. It runs before any Swift code of the program, and after libswiftCore's own constructors, which
//    draw seeds at random. Where either is not certain, it does nothing: under -static-stdlib, or
//    when this code was loaded with a library.
// 2. Whatever goes wrong leaves Swift's own random seeds, which are always right: restoring then
//    rebuilds tables. Nothing is printed, errno stays, no descriptor stays open.
// 3. The secret is used only from a regular file and a directory that belong to this user and that
//    nobody else may even read. Links are not followed.
// 4. The file appears whole: it is written aside and linked, so that of two first processes one
//    wins, and both use what it wrote.
// 5. It is no secret to a process that runs with more rights than its user (set-user-ID, file
//    capabilities), which therefore does not use it.

#define _GNU_SOURCE
#include "softpm_seeds.h"

#include "CSoftPMRuntime.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  uint64_t seed0, seed1;
} softpm_seeds;

static const char file_name[] = "hash-seed";
static bool are_the_users;

bool softpm_seeds_are_the_users(void) { return are_the_users; }

// Whether this code is the program's own, and the Swift runtime a library that it loaded before.
static bool runs_at_the_right_time(void) {
  const void *runtime = dlsym(RTLD_DEFAULT, "swift_retain");
  Dl_info own, swift;
  if (!runtime || !dladdr(runtime, &swift) || !dladdr(file_name, &own)) return false;
  // The program headers that the kernel handed over are the program's.
  uintptr_t headers = (uintptr_t)getauxval(AT_PHDR);
  uintptr_t base = (uintptr_t)own.dli_fbase;
  return own.dli_fbase != swift.dli_fbase && headers > base && headers - base < 4096;
}

static bool is_wanted(void) {
  if (getauxval(AT_SECURE) || geteuid() != getuid() || getegid() != getgid()) return false;
  if (getenv("SWIFT_DETERMINISTIC_HASHING")) return false;
  const char *wish = getenv("SOFTPM_HASH_SEED");
  if (wish && strcmp(wish, "process") == 0) return false;
  uint64_t seed0, seed1;
  bool deterministic;
  softpm_runtime_hashing(&seed0, &seed1, &deterministic);
  return !deterministic;
}

// Nobody but this user can read or change it.
static bool is_private(int file, mode_t kind) {
  struct stat status;
  return fstat(file, &status) == 0 && (status.st_mode & S_IFMT) == kind
      && status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

static int open_directory(int parent, const char *name, bool follows_links) {
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follows_links ? 0 : O_NOFOLLOW);
  int directory = openat(parent, name, flags);
  if (directory >= 0 || errno != ENOENT) return directory;
  if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) return -1;
  return openat(parent, name, flags);
}

// The directory of the secret, made if there is none; −1 where that cannot be.
//
// What lies above it is where the user put it, by a link or not; its owner is what matters.
static int open_home(void) {
  const char *state = getenv("XDG_STATE_HOME");
  int parent;
  if (state && state[0] == '/') {
    parent = open_directory(AT_FDCWD, state, true);
  } else {
    const char *home = getenv("HOME");
    if (!home || home[0] != '/') return -1;
    int user = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (user < 0) return -1;
    int local = open_directory(user, ".local", true);
    close(user);
    if (local < 0) return -1;
    parent = open_directory(local, "state", true);
    close(local);
  }
  if (parent < 0) return -1;
  int directory = open_directory(parent, "softpm", false);
  close(parent);
  if (directory >= 0 && !is_private(directory, S_IFDIR)) {
    close(directory);
    return -1;
  }
  return directory;
}

static bool read_seeds(int directory, softpm_seeds *seeds) {
  // Not blocking: somebody may have put a pipe there.
  int file = openat(directory, file_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  struct stat status;
  bool is_whole = is_private(file, S_IFREG) && fstat(file, &status) == 0
      && status.st_size == sizeof *seeds
      && read(file, seeds, sizeof *seeds) == (ssize_t)sizeof *seeds;
  close(file);
  return is_whole;
}

// Where another process was faster, its seeds stay.
static void make_seeds(int directory) {
  struct {
    softpm_seeds seeds;
    uint64_t name;
  } drawn;
  if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != (ssize_t)sizeof drawn) return;
  char aside[48];
  snprintf(aside, sizeof aside, ".%s-%016llx", file_name, (unsigned long long)drawn.name);
  int file = openat(directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  bool is_written = write(file, &drawn.seeds, sizeof drawn.seeds) == (ssize_t)sizeof drawn.seeds
      && fdatasync(file) == 0;
  close(file);
  if (is_written) linkat(directory, aside, directory, file_name, 0);
  unlinkat(directory, aside, 0);
}

// Early among the program's constructors, so that those which run Swift code come after it.
__attribute__((constructor(101))) static void set_seeds(void) {
  int before = errno;
  if (runs_at_the_right_time() && is_wanted()) {
    int directory = open_home();
    if (directory >= 0) {
      softpm_seeds seeds;
      bool found = read_seeds(directory, &seeds);
      if (!found && faccessat(directory, file_name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        make_seeds(directory);
        found = read_seeds(directory, &seeds);
      }
      close(directory);
      if (found) {
        softpm_runtime_set_hashing(seeds.seed0, seeds.seed1, false);
        are_the_users = true;
      }
    }
  }
  errno = before;
}
