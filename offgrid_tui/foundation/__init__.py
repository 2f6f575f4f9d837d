"""What everything stands on: errors, events, safe text, clock. Imports nothing of ours."""
