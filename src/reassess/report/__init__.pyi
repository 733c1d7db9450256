from .charts import CHARTS as CHARTS
from .figures import save_figure as save_figure
from .writing import write_report as write_report
