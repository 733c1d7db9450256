from .information import Information as Information
from .proportions import Proportion as Proportion
from .regression import Estimate as Estimate
