"""Files that other tools read, one module a format; ``reports/formats.py`` is the table of them."""
