"""Benchmarks, images and the public data sets that reassess can download: readers, checks and downloads."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
