"""Where other tools keep their models. Everything here reads, and writes nothing."""
