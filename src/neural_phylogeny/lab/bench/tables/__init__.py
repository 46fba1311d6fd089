"""The tables of the documentation, each by one function."""
