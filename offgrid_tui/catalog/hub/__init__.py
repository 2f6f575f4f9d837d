"""What can be found on Hugging Face, and what was found before: searched, read and kept with its age."""
