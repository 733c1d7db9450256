from .image_models import ImageModel as ImageModel
from .image_models import ModelSource as ModelSource
from .inference import ImagePredictions as ImagePredictions
from .inference import predict as predict
from .model_sources import open_model as open_model
from .open_questions import open_questions as open_questions
from .preprocessing import Transform as Transform
from .preprocessing import read_transform as read_transform
