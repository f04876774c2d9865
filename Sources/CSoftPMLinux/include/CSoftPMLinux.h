// Kernel interfaces that Debian 12 headers lack, one header per interface.
#pragma once
#include "softpm_files.h"
#include "softpm_userfaultfd.h"
