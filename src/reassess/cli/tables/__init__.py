"""What the commands print and write as tables."""
