"""Generates what Pocket is trained on, from the facts and from grammars, with a fixed seed."""
