// Kernel interfaces that Debian 12's headers lack, one header per interface.
#pragma once
#include "softpm_userfaultfd.h"
