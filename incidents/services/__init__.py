"""Write verbs of the case file, by noun."""
