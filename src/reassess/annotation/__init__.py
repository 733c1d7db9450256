"""A campaign in which people answer questions: who is asked what, and what they said."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
