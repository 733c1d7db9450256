"""Data types such as labels, votes, scores and predictions; this package does not read or write files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
