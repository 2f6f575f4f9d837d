"""Who may answer: the local engine first."""
