"""The catalog screen."""
