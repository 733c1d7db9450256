from .proportion import Proportion as Proportion
