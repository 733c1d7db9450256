from .information import Information as Information
from .proportion import Proportion as Proportion
from .regression import Estimate as Estimate
