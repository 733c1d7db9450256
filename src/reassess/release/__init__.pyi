from .released_tables import ReleasedTable as ReleasedTable
from .writing import Release as Release
from .writing import write_release as write_release
