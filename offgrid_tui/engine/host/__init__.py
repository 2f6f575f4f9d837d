"""The engine host: one process for each home that owns the llama.cpp workers and shares them among its clients."""
