"""One module per command. A command parses options, calls public functions, and prints results."""
