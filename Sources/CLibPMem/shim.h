#pragma once
#include <libpmem.h>
