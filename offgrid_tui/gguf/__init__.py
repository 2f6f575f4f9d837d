"""Reads the header of a GGUF file."""
