"""Claims of descent: what models say of themselves, and what their weights say of it."""
