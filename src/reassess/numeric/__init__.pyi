from . import rank_kernels as rank_kernels
from .balanced_accuracy import BLIND_ANSWERS as BLIND_ANSWERS
from .balanced_accuracy import BalancedAccuracy as BalancedAccuracy
from .balanced_accuracy import probability_to_reach as probability_to_reach
from .information import Information as Information
from .proportions import Proportion as Proportion
from .regression import Estimate as Estimate
