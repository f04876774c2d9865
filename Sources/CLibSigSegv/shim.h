// libsigsegv is GPL-2-or-later; it is linked only with the package trait LibSigSegv (see LICENSE notes).
#pragma once
#include <sigsegv.h>
