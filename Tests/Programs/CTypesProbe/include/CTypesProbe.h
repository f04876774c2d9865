// C types of which Swift shows some fields, or none.

#ifndef C_TYPES_PROBE_H
#define C_TYPES_PROBE_H

#include <stdint.h>

typedef union {
  int64_t number;
  void *pointer;
} probe_union;

typedef struct {
  int64_t kind;
  probe_union content;
} probe_tagged;

typedef struct {
  uint32_t first : 3;
  uint32_t second : 29;
} probe_bits;

typedef struct {
  uint8_t before;
  uint16_t flags : 4;
  uint16_t mode : 12;
  uint32_t after;
} probe_mixed;

// As far as Swift shows, this may have bit-fields as well.
typedef struct {
  int32_t small;
  int64_t large;
} probe_padded;

typedef struct {
  int32_t x, y;
  double weights[3];
} probe_plain;

typedef struct {
  void (*callback)(int);
} probe_callback;

#endif
