"""Bytes that arrive whole: the queue, its workers, and the process that moves the bytes."""
