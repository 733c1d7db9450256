"""ReaL accuracy inside the frameworks: each module needs the package it is named after, and imports the core alone."""
