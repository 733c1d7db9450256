from .assignment import Rules as Rules
