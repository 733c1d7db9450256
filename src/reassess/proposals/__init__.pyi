from .candidates import USUAL_PER_IMAGE as USUAL_PER_IMAGE
from .candidates import propose as propose
from .open_questions import open_questions as open_questions
