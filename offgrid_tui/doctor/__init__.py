"""Looks at everything that OffGrid stands on, and says the mend."""
