@_exported import SoftPMBase
