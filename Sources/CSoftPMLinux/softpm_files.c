#define _GNU_SOURCE
#include "softpm_files.h"
#include <fcntl.h>

const int softpm_o_direct = O_DIRECT;
const int softpm_o_tmpfile = O_TMPFILE;
const int softpm_f_ofd_getlk = F_OFD_GETLK;
const int softpm_f_ofd_setlk = F_OFD_SETLK;
