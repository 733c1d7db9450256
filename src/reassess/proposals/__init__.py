"""Running models on images, and choosing candidate classes and tasks for people."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
