"""Files of any kind: read without waiting, written beside and renamed, hashed; JSON with checked fields."""
