"""The only rooms that read and write data files; one module for each noun, and `files`, `archives`, `tables` beneath."""
