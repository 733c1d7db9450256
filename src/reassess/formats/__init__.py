"""The only rooms that read and write data files: one module for each noun, beneath them files, archives, tables."""
