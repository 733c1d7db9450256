"""Tests; this file keeps a package that another project installs under this name from hiding them."""
