"""SQLite (apsw): one connection owner, append-only migrations, a change log that other processes follow."""
