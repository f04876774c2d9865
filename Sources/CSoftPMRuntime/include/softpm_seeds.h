// Hash seeds that a user's processes share, so that dictionaries and sets need not be rebuilt when
// they are restored. Set by a constructor, because the first dictionary fixes them for good.

#ifndef SOFTPM_SEEDS_H
#define SOFTPM_SEEDS_H

#include <stdbool.h>

/// Whether this process hashes by its user's seeds.
bool softpm_seeds_are_the_users(void);

#endif
