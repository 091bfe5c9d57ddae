"""One file per kind of data: what is trained on it, and what is read off."""
