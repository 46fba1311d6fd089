"""Suites of families with known truth, and every method scored on them."""
