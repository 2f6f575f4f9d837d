"""Conversations: kept as they grow."""
