"""Make label sets from votes: rater models, EM, the ReaL recipe, curves, operating points, reliability."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
