"""What every screen stands in: strip, status line, footer."""
