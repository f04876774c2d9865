// See CSoftPMRuntime.h. The declarations below repeat the runtime's own (Swift 6.3).

#define _GNU_SOURCE
#include "CSoftPMRuntime.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SWIFT_CALL __attribute__((swiftcall))

extern SWIFT_CALL const void *swift_getTypeByMangledNameInContext(
    const void *, size_t, const void *, const void *);
extern SWIFT_CALL intptr_t swift_reflectionMirror_recursiveCount(const void *);
extern SWIFT_CALL intptr_t swift_reflectionMirror_recursiveChildOffset(const void *, intptr_t);
extern const void *swift_conformsToProtocol(const void *, const void *);
extern SWIFT_CALL const void *swift_getExtendedExistentialTypeShape(const void *);
extern SWIFT_CALL const void *swift_getExtendedExistentialTypeMetadata_unique(
    const void *, const void *const *);
typedef struct {
  void *object;
  void *value;
} softpm_box;
extern SWIFT_CALL softpm_box swift_allocBox(const void *);
extern void swift_deallocBox(void *);
extern void *swift_weakInit(void *, void *);
extern void *swift_unownedRetain(void *);

extern char _swiftEmptyArrayStorage, _swiftEmptyDictionarySingleton, _swiftEmptySetSingleton;
extern const char error_protocol __asm__("$ss5ErrorMp");
extern const char array_storage __asm__("$ss23_ContiguousArrayStorageCMn");
extern const char dictionary_storage __asm__("$ss18_DictionaryStorageCMn");
extern const char set_storage __asm__("$ss11_SetStorageCMn");
extern const char managed_buffer __asm__("$ss13ManagedBufferCMn");
extern const char static_array_storage __asm__("$ss20__StaticArrayStorageCN");

const void *softpm_runtime_type_named(
    const void *name, size_t length, const void *context, const void *arguments) {
  return swift_getTypeByMangledNameInContext(name, length, context, arguments);
}

intptr_t softpm_runtime_field_count(const void *type) {
  return swift_reflectionMirror_recursiveCount(type);
}

intptr_t softpm_runtime_field_offset(const void *type, intptr_t index) {
  return swift_reflectionMirror_recursiveChildOffset(type, index);
}

const void *softpm_runtime_conformance(const void *type, const void *protocol) {
  return swift_conformsToProtocol(type, protocol);
}

const void *softpm_runtime_existential_shape(const void *candidate) {
  return swift_getExtendedExistentialTypeShape(candidate);
}

const void *softpm_runtime_constrained_existential(
    const void *shape, const void *const *arguments) {
  return swift_getExtendedExistentialTypeMetadata_unique(shape, arguments);
}

const void *softpm_runtime_error_protocol(void) { return &error_protocol; }

const void *softpm_runtime_box_metadata(const void *type) {
  softpm_box box = swift_allocBox(type);
  const void *metadata = *(const void **)box.object;
  swift_deallocBox(box.object);
  return metadata;
}

const void *softpm_runtime_array_storage_descriptor(void) { return &array_storage; }
const void *softpm_runtime_dictionary_storage_descriptor(void) { return &dictionary_storage; }
const void *softpm_runtime_set_storage_descriptor(void) { return &set_storage; }
const void *softpm_runtime_managed_buffer_descriptor(void) { return &managed_buffer; }
const void *softpm_runtime_static_array_storage(void) { return &static_array_storage; }

// What swift_enumerateAllMetadataSections hands out: the linker's section bounds of one image.
typedef struct {
  uintptr_t start;
  uintptr_t byteCount;
} softpm_section;
typedef struct {
  uintptr_t version;
  const void *base;
  void *unused0, *unused1;
  softpm_section protocols, conformances, types;
} softpm_sections;
extern void swift_enumerateAllMetadataSections(
    bool (*body)(const softpm_sections *sections, void *context), void *context);

typedef struct {
  bool (*body)(const void *, size_t, void *);
  void *context;
} softpm_section_visit;

static bool visit_sections(const softpm_sections *sections, void *context) {
  softpm_section_visit *visit = context;
  return visit->body((const void *)sections->types.start, sections->types.byteCount,
                     visit->context)
      && visit->body((const void *)sections->protocols.start, sections->protocols.byteCount,
                     visit->context);
}

void softpm_runtime_each_type_section(
    bool (*body)(const void *, size_t, void *), void *context) {
  softpm_section_visit visit = {body, context};
  swift_enumerateAllMetadataSections(visit_sections, &visit);
}

static void *const *witnesses(const void *type) { return ((void *const *const *)type)[-1]; }

uint32_t softpm_runtime_enum_tag(const void *value, const void *type) {
  return ((uint32_t (*)(const void *, const void *))witnesses(type)[11])(value, type);
}

void softpm_runtime_enum_project(void *value, const void *type) {
  ((void (*)(void *, const void *))witnesses(type)[12])(value, type);
}

void softpm_runtime_enum_inject(void *value, uint32_t tag, const void *type) {
  ((void (*)(void *, uint32_t, const void *))witnesses(type)[13])(value, tag, type);
}

void softpm_runtime_copy(void *destination, const void *source, const void *type) {
  ((void *(*)(void *, const void *, const void *))witnesses(type)[2])(destination, source, type);
}

void softpm_runtime_destroy(void *value, const void *type) {
  ((void (*)(void *, const void *))witnesses(type)[1])(value, type);
}

void *softpm_runtime_empty_array(void) { return &_swiftEmptyArrayStorage; }
void *softpm_runtime_empty_dictionary(void) { return &_swiftEmptyDictionarySingleton; }
void *softpm_runtime_empty_set(void) { return &_swiftEmptySetSingleton; }
void softpm_runtime_weak_init(void *slot, void *object) { swift_weakInit(slot, object); }
void softpm_runtime_unowned_retain(void *object) { swift_unownedRetain(object); }

typedef struct {
  uint64_t seed0, seed1;
  bool deterministic;
} softpm_hashing;
extern softpm_hashing _swift_stdlib_Hashing_parameters;

void softpm_runtime_hashing(uint64_t *seed0, uint64_t *seed1, bool *deterministic) {
  *seed0 = _swift_stdlib_Hashing_parameters.seed0;
  *seed1 = _swift_stdlib_Hashing_parameters.seed1;
  *deterministic = _swift_stdlib_Hashing_parameters.deterministic;
}

void softpm_runtime_set_hashing(uint64_t seed0, uint64_t seed1, bool deterministic) {
  _swift_stdlib_Hashing_parameters = (softpm_hashing){seed0, seed1, deterministic};
}

bool softpm_runtime_read(const void *address, void *destination, size_t byteCount) {
  struct iovec local = {destination, byteCount};
  struct iovec remote = {(void *)address, byteCount};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)byteCount;
}

static int contains(struct dl_phdr_info *info, size_t size, void *context) {
  uintptr_t address = (uintptr_t)context;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    if (header->p_type != PT_LOAD) continue;
    uintptr_t start = info->dlpi_addr + header->p_vaddr;
    if (address >= start && address - start < header->p_memsz) return 1;
  }
  return 0;
}

bool softpm_runtime_is_in_image(const void *address) {
  return dl_iterate_phdr(contains, (void *)address) != 0;
}

const char *softpm_runtime_image_path(const void *address, const void **base) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname) return NULL;
  *base = info.dli_fbase;
  // The program's own name may be relative to a directory that it has left.
  void *main = dlopen(NULL, RTLD_NOLOAD | RTLD_LAZY);
  struct link_map *map = NULL;
  if (main && dlinfo(main, RTLD_DI_LINKMAP, &map) == 0 && map) {
    while (map->l_prev) map = map->l_prev;
    const char *path = (uintptr_t)map->l_addr == (uintptr_t)info.dli_fbase ? "/proc/self/exe"
                                                                            : info.dli_fname;
    dlclose(main);
    return path;
  }
  if (main) dlclose(main);
  return info.dli_fname;
}

const void *softpm_runtime_map_file(const char *path, ptrdiff_t *byteCount) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  struct stat status;
  void *start = MAP_FAILED;
  if (fstat(file, &status) == 0 && status.st_size > 0) {
    start = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    *byteCount = status.st_size;
  }
  close(file);
  return start == MAP_FAILED ? NULL : start;
}

void softpm_runtime_unmap_file(const void *start, ptrdiff_t byteCount) {
  munmap((void *)start, (size_t)byteCount);
}

extern char *swift_demangle(const char *, size_t, char *, size_t *, uint32_t);

char *softpm_runtime_demangle(const char *symbol) {
  return swift_demangle(symbol, strlen(symbol), NULL, NULL, 0);
}

void softpm_runtime_free(char *text) { free(text); }
