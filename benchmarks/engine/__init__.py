"""`python -m benchmarks.engine`: the engine as a client of ours sees it, against llama.cpp's own programs."""
