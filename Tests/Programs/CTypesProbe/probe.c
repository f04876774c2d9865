// The types are in the header; a target needs a source.
#include "CTypesProbe.h"
