"""Compares the memory estimate with what llama.cpp says it allocates, over models of many shapes."""
