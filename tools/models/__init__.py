"""Makes GGUF models without training data, for tests and benchmarks: `python -m tools.models --help`."""
