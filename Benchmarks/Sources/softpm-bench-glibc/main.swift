// The heap's workloads over glibc's malloc: what `softpm-bench heap` holds its figures against.

import HeapWorkloads

serveHeapWorkloads()
