// liburing uses `fd_set` through <sys/select.h>; imported on its own into Swift it trips over it.
#pragma once
#include <features.h>
#include <sys/select.h>
#include <liburing.h>
