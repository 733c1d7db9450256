"""A benchmark as a dataset to publish: tables, metadata, and the checks that they fit together."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
