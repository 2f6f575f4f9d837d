"""What this machine has, now: memory, limits, cores, GPUs, disks."""
