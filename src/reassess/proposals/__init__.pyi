from .open_questions import open_questions as open_questions
