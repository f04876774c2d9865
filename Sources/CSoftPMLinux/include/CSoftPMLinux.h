// Kernel interfaces that the headers of Debian 12 lack, one header per interface.
#pragma once
#include "softpm_files.h"
#include "softpm_userfaultfd.h"
