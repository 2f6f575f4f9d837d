"""The Textual application: one folder for each screen."""
