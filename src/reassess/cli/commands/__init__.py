"""The commands, one module each: parse options, call public functions, print results."""
