"""Results as figures and as one HTML page; matplotlib is imported when a figure is drawn, and not before."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
