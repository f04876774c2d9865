#include "CSoftPMFault.h"
