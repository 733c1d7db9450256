from .candidates import USUAL_PER_IMAGE as USUAL_PER_IMAGE
from .candidates import propose as propose
from .choice import USUAL_RECALL as USUAL_RECALL
from .choice import choose_models as choose_models
from .open_questions import open_questions as open_questions
from .tasks import USUAL_SIZE as USUAL_SIZE
from .tasks import make_tasks as make_tasks
from .tasks import seconds_per_vote as seconds_per_vote
