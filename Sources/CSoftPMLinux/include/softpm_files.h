// Constants of Linux that Swift's Glibc module does not show, because they need _GNU_SOURCE.
// Their values differ between machines, so they cannot be written down in Swift. Can go when
// the toolchain imports them.
#pragma once

extern const int softpm_o_direct;
extern const int softpm_o_tmpfile;
extern const int softpm_f_ofd_getlk;
extern const int softpm_f_ofd_setlk;
