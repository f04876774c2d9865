#include "CSoftPMLinux.h"
