"""Models that answer tasks as raters do, over the OpenAI chat protocol."""
