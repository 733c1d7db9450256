"""Estimates for a whole image set from the label sets of a sample; plain arrays only."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
