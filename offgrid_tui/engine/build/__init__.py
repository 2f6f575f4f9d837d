"""Finds the engine (a Python that has llama_cpp), or has one built."""
