from .estimates import RatingEstimate as RatingEstimate
from .prompts import Prompt as Prompt
from .prompts import read_prompt as read_prompt
from .rating import MachineRating as MachineRating
from .rating import estimate_rating as estimate_rating
from .rating import rate as rate
