from .counts import Proportion as Proportion
from .information import Information as Information
from .regression import Estimate as Estimate
