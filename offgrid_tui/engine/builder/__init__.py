"""Makes engines: environments of their own with llama-cpp-python compiled for this machine."""
