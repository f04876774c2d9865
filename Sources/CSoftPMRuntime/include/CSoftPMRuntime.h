// Entry points of the Swift runtime that Swift itself cannot name.
//
// Swift refuses to declare `swift_…` symbols (@_silgen_name: "reserved symbol"), and most of these
// use the Swift calling convention, so C has to call them. Nothing here has logic beyond the call;
// each function can go when the standard library offers the same.

#ifndef SOFTPM_RUNTIME_H
#define SOFTPM_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "softpm_lives.h"
#include "softpm_seeds.h"

// MARK: Types

/// The type of a mangled name, which may hold symbolic references; NULL when there is none.
const void *softpm_runtime_type_named(
    const void *name, size_t length, const void *context, const void *arguments);
/// Fields of a type, those of its superclasses included; they come first.
intptr_t softpm_runtime_field_count(const void *type);
/// Where field `index`, counted as above, lies in a value or instance.
intptr_t softpm_runtime_field_offset(const void *type, intptr_t index);
/// The witness table of a type's conformance, or NULL.
const void *softpm_runtime_conformance(const void *type, const void *protocol);
/// The one of several equal shapes of constrained existentials that the runtime goes by.
const void *softpm_runtime_existential_shape(const void *candidate);
/// The constrained existential of that shape.
const void *softpm_runtime_constrained_existential(
    const void *shape, const void *const *arguments);
/// The descriptor of the protocol `Error`.
const void *softpm_runtime_error_protocol(void);
/// The heap metadata of a box holding one value of the type.
const void *softpm_runtime_box_metadata(const void *type);
/// The type descriptors of the standard library's storage classes.
const void *softpm_runtime_array_storage_descriptor(void);
const void *softpm_runtime_dictionary_storage_descriptor(void);
const void *softpm_runtime_set_storage_descriptor(void);
const void *softpm_runtime_managed_buffer_descriptor(void);
/// The metadata of the storage of arrays that the compiler laid out in the binary.
const void *softpm_runtime_static_array_storage(void);

/// Calls `body` with each image's lists of nominal types and of protocols: relative pointers to
/// descriptors.
void softpm_runtime_each_type_section(
    bool (*body)(const void *start, size_t byteCount, void *context), void *context);

// MARK: Value witnesses

/// The case of an enum's value: payload cases first, then the others.
uint32_t softpm_runtime_enum_tag(const void *value, const void *type);
/// Turns the enum's bits into its payload's bits.
void softpm_runtime_enum_project(void *value, const void *type);
/// Turns a payload's bits into the bits of the enum in that case.
void softpm_runtime_enum_inject(void *value, uint32_t tag, const void *type);
/// Copies a value with all retains, and destroys it: for tests that compare.
void softpm_runtime_copy(void *destination, const void *source, const void *type);
void softpm_runtime_destroy(void *value, const void *type);

// MARK: Objects

void *softpm_runtime_empty_array(void);
void *softpm_runtime_empty_dictionary(void);
void *softpm_runtime_empty_set(void);
/// Makes `slot`, uninitialised memory, a weak reference to `object`.
void softpm_runtime_weak_init(void *slot, void *object);
void softpm_runtime_unowned_retain(void *object);

// MARK: Hashing

void softpm_runtime_hashing(uint64_t *seed0, uint64_t *seed1, bool *deterministic);
void softpm_runtime_set_hashing(uint64_t seed0, uint64_t seed1, bool deterministic);

// MARK: Memory

/// Copies memory that may be unmapped; false when it is.
bool softpm_runtime_read(const void *address, void *destination, size_t byteCount);
/// Whether the address lies in an executable or library that is loaded.
bool softpm_runtime_is_in_image(const void *address);

// MARK: Symbols

/// The path of the binary that an address lies in, and where it is loaded; NULL for none.
const char *softpm_runtime_image_path(const void *address, const void **base);
/// Maps a whole file for reading; NULL when that fails.
const void *softpm_runtime_map_file(const char *path, ptrdiff_t *byteCount);
void softpm_runtime_unmap_file(const void *start, ptrdiff_t byteCount);
/// A mangled Swift symbol as text, to be freed with `softpm_runtime_free`.
char *softpm_runtime_demangle(const char *symbol);
void softpm_runtime_free(char *text);

#endif
