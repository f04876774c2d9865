import Testing
@testable import SoftPMTracking
