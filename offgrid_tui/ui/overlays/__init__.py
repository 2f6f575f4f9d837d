"""What opens over a screen and shifts nothing under it."""
