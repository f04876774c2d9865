#include "CSoftPMHeap.h"
