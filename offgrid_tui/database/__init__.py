"""SQLite: one connection owner, append-only migrations, a change log."""
