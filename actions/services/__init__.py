"""Write verbs of the actions, by noun."""
