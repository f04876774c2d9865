#include "CSoftPMRuntime.h"
