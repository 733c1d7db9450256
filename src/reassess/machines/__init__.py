"""Models that answer tasks as raters do, over the OpenAI chat protocol."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
