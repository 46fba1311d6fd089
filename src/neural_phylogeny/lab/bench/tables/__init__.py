"""The tables of the documentation, each by one function from what it needs to a page."""
