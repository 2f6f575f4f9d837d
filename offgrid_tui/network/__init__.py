"""Who may speak outward: the one place that says no."""
