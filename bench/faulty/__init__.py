"""The fault benchmark: what is trained, how it is kept, and how what was found is counted."""
