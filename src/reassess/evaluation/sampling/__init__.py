"""Which images to ask about, and what the answers say about all images; plain arrays only."""
