"""llama.cpp behind a socket: contract, client, host, worker, build."""
