"""Evidence: what a text claims, what the facts prove, and whether the one follows from the other."""
