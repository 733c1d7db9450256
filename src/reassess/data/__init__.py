"""Benchmarks and known data: reading, downloads, checks; and the images of a folder or archive."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
