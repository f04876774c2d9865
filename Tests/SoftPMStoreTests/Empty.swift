import Testing
@testable import SoftPMStore
