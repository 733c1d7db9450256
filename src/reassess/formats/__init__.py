"""Readers and writers of files: a module per data type, and modules for files, archives and tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
