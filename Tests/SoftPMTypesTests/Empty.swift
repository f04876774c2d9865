import Testing
@testable import SoftPMTypes
