import Testing
@testable import SoftPMBase
