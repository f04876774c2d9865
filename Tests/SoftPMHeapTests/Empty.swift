import Testing
@testable import SoftPMHeap
