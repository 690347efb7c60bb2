"""The programs behind `make`."""
