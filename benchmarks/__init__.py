"""What OffGrid costs, measured against llama.cpp's own programs. See docs/benchmarks.md."""
