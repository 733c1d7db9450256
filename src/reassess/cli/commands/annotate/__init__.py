"""The commands of `reassess annotate`, one module each."""
