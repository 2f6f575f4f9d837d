"""Runs in the engine's own Python: imports nothing of ours but the contract."""
