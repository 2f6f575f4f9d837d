"""Markdown as a model writes it, drawn while it comes.

Textual's own widget makes one widget of each paragraph, item and cell, and lays all of them out at every write: a long
table or code block then costs more to draw than to generate. Here an answer is lines: what is closed is laid out once,
a write costs what its last block costs, and only what is on screen is drawn.
"""
