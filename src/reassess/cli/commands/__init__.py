"""One thin module a command: parse, call public functions, print."""
