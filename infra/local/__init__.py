"""The whole platform on one machine, as `make demo` starts it."""
