"""One thin module a command: parse, call public functions, print; and `readiness`, which tries them on a folder."""
