"""The only rooms that read and write data files: one module for each noun, beneath them files, archives, tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
