import SoftPMBase
