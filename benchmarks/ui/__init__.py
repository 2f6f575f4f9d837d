"""`python -m benchmarks.ui`: what the workstation costs the one who looks at it."""
