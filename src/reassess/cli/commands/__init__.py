"""One thin module per command: parse, call public functions, print."""
