"""The seam to the operating system: paths, durable writes, processes, packaged resources."""
