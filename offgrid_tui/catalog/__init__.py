"""What can be had: the bundled catalog, the user's own entries, names and what they mean, Hugging Face."""
