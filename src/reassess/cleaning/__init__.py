"""From what models say of images that they were not trained on to the training images worth keeping."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
