"""Write verbs of the review, by noun."""
