"""Nothing of its own is due here: the validation of a provisional cause is a known
unknown, and the case file lists its deadline."""
