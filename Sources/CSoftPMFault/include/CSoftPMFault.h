// The tables of watched memory and the handler of write faults.
#pragma once
#include "softpm_granules.h"
#include "softpm_regions.h"
#include "softpm_fault.h"
#include "softpm_freeze.h"
