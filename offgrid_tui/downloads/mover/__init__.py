"""The process that moves the bytes of one download: receives, hashes, writes, and can be killed at any moment."""
