from .aggregation import *
from .cleaning import *
from .comparison import *
from .core import *
from .data import *
from .errors import *
from .evaluation import *
from .formats import *
from .numeric import *
from .proposals import *
from .report import *

__version__: str
