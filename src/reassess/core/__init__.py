"""Data types: labels, votes, scores, predictions and others, one module each; without input or output."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
