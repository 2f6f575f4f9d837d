"""Every form that the database ever had, as the steps from one to the next.

Append only. A step that was ever released is never edited: its checksum is stored in the databases that it made, and
a database whose checksums differ is refused. To change the schema, add a `Migration` at the end, and to
tests/database/test_migrations.py a line of data for the version before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. `name` is unique; `sql` is run in one transaction, with foreign keys checked at its end."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL with its white space folded, so that indenting it anew changes nothing."""
        return hashlib.sha256(" ".join(self.sql.split()).encode()).hexdigest()


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "conversations",
        """
        CREATE TABLE conversations (
            id      TEXT PRIMARY KEY,
            owner   TEXT NOT NULL DEFAULT 'local',
            title   TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL,              -- Unix seconds
            updated REAL NOT NULL,
            leaf    TEXT REFERENCES turns (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
            model   TEXT,
            system  TEXT NOT NULL DEFAULT '',
            deleted REAL                        -- Unix seconds; kept, so that deleting can be taken back
        ) STRICT;
        CREATE INDEX conversations_by_update ON conversations (owner, updated);
        CREATE INDEX conversations_by_leaf ON conversations (leaf);

        CREATE TABLE turns (
            id           TEXT PRIMARY KEY,
            owner        TEXT NOT NULL DEFAULT 'local',
            conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            parent       TEXT REFERENCES turns (id) ON DELETE CASCADE,
            role         TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
            content      TEXT NOT NULL,
            created      REAL NOT NULL,
            state        TEXT NOT NULL DEFAULT 'complete'
                         CHECK (state IN ('running', 'complete', 'stopped', 'failed')),
            thinking     TEXT NOT NULL DEFAULT '',
            model        TEXT,
            model_name   TEXT,
            quantisation TEXT,
            provider     TEXT,
            parameters   TEXT CHECK (json_valid(parameters)),
            figures      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(figures)),
            error        TEXT,
            writer       TEXT                   -- the process that writes a running answer (system/identity.py)
        ) STRICT;
        CREATE INDEX turns_by_conversation ON turns (conversation, created);
        CREATE INDEX turns_by_parent ON turns (parent);
        CREATE INDEX turns_running ON turns (writer) WHERE state = 'running';

        CREATE TABLE state (
            owner TEXT NOT NULL DEFAULT 'local',
            key   TEXT NOT NULL,
            value TEXT NOT NULL CHECK (json_valid(value)),
            PRIMARY KEY (owner, key)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE changes (
            seq    INTEGER PRIMARY KEY AUTOINCREMENT,
            topic  TEXT NOT NULL,
            key    TEXT NOT NULL,
            origin TEXT NOT NULL                -- the Database object that wrote it
        ) STRICT;
        """,
    ),
    Migration(
        "library",
        """
        CREATE TABLE installed_models (
            id         TEXT PRIMARY KEY,
            owner      TEXT NOT NULL DEFAULT 'local',
            name       TEXT NOT NULL,
            origin     TEXT NOT NULL CHECK (origin IN ('downloaded', 'imported', 'adopted', 'bundled')),
            bytes      TEXT NOT NULL CHECK (bytes IN ('verified', 'unverified', 'unknown', 'mismatch')),
            installed  REAL NOT NULL,           -- Unix seconds
            facts      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),
            repository TEXT NOT NULL DEFAULT '',
            revision   TEXT NOT NULL DEFAULT '',
            publisher  TEXT NOT NULL DEFAULT '',
            source     TEXT NOT NULL DEFAULT '',
            catalog    TEXT NOT NULL DEFAULT '', -- key of the variant that these bytes are
            last_used  REAL,
            pinned     INTEGER NOT NULL DEFAULT 0,
            problem    TEXT NOT NULL DEFAULT ''
        ) STRICT;

        CREATE TABLE installed_files (
            owner    TEXT NOT NULL DEFAULT 'local',
            model    TEXT NOT NULL REFERENCES installed_models (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            path     TEXT NOT NULL,             -- below the models folder, or absolute where it is another tool's
            size     INTEGER NOT NULL,
            mtime    REAL NOT NULL,
            sha256   TEXT,
            role     TEXT NOT NULL DEFAULT 'weights',
            PRIMARY KEY (model, position)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX installed_weights_by_path ON installed_files (path) WHERE role = 'weights';
        CREATE INDEX installed_files_by_hash ON installed_files (sha256);

        CREATE TABLE model_marks (
            owner     TEXT NOT NULL DEFAULT 'local',
            key       TEXT NOT NULL,            -- of a row of the joined list, installed or not
            favourite INTEGER NOT NULL DEFAULT 0,
            note      TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (owner, key)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    Migration(
        "aliases",
        """
        CREATE TABLE model_aliases (
            owner   TEXT NOT NULL DEFAULT 'local',
            alias   TEXT NOT NULL,              -- in lower case
            target  TEXT NOT NULL,              -- whatever else names a model
            created REAL NOT NULL,              -- Unix seconds
            PRIMARY KEY (owner, alias)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    Migration(
        "hub",
        """
        CREATE TABLE hub_models (               -- repositories as they were last seen; nobody's in particular
            id            INTEGER PRIMARY KEY,
            repository    TEXT NOT NULL,        -- organisation/name
            words         TEXT NOT NULL UNIQUE, -- the same in lower case
            author        TEXT NOT NULL,        -- the organisation in lower case
            seen          REAL NOT NULL,        -- Unix seconds
            revision      TEXT,
            sized         INTEGER NOT NULL,     -- whether the sizes of its files are known
            downloads     INTEGER NOT NULL,
            likes         INTEGER NOT NULL,
            trending      INTEGER NOT NULL,
            updated       REAL NOT NULL,        -- Unix seconds
            quantisations TEXT NOT NULL,        -- each between spaces
            smallest      INTEGER               -- bytes of the smallest variant, estimated where nobody told any
        ) STRICT;
        CREATE INDEX hub_models_by_age ON hub_models (seen);

        CREATE TABLE hub_texts (                -- apart, so that looking through all repositories reads little
            id    INTEGER PRIMARY KEY REFERENCES hub_models (id) ON DELETE CASCADE,
            model TEXT NOT NULL CHECK (json_valid(model))
        ) STRICT;

        CREATE TABLE hub_variants (
            id           INTEGER NOT NULL REFERENCES hub_models (id) ON DELETE CASCADE,
            position     INTEGER NOT NULL,
            quantisation TEXT NOT NULL,
            size         INTEGER,               -- bytes; estimated from the parameters where nobody told it
            PRIMARY KEY (id, position)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE hub_searches (             -- what was asked, and in which order the hub answered
            id           INTEGER PRIMARY KEY,
            owner        TEXT NOT NULL DEFAULT 'local',
            search       TEXT NOT NULL,
            seen         REAL NOT NULL,         -- Unix seconds
            more         INTEGER NOT NULL,
            repositories TEXT NOT NULL CHECK (json_valid(repositories)),
            UNIQUE (owner, search)
        ) STRICT;
        """,
    ),
    Migration(
        "downloads",
        """
        CREATE TABLE downloads (
            id           TEXT PRIMARY KEY,
            owner        TEXT NOT NULL DEFAULT 'local',
            key          TEXT NOT NULL,         -- of the catalog's variant
            name         TEXT NOT NULL,
            quantisation TEXT NOT NULL DEFAULT '',
            repository   TEXT NOT NULL DEFAULT '',
            revision     TEXT NOT NULL DEFAULT '', -- the commit that is pinned
            publisher    TEXT NOT NULL DEFAULT '',
            state        TEXT NOT NULL CHECK (state IN ('queued', 'downloading', 'waiting', 'verifying', 'paused',
                                                        'installed', 'failed', 'cancelled')),
            waiting      TEXT NOT NULL DEFAULT '',
            problem      TEXT CHECK (json_valid(problem)),
            priority     INTEGER NOT NULL DEFAULT 0,
            position     REAL NOT NULL,
            done         INTEGER NOT NULL DEFAULT 0, -- bytes, as they were shown
            model        TEXT NOT NULL DEFAULT '',   -- that was installed
            holder       TEXT NOT NULL DEFAULT '',   -- the process that works on it (system/identity.py)
            discard      INTEGER NOT NULL DEFAULT 0,
            created      REAL NOT NULL,         -- Unix seconds
            updated      REAL NOT NULL,
            UNIQUE (owner, key)
        ) STRICT;

        CREATE TABLE download_files (
            owner      TEXT NOT NULL DEFAULT 'local',
            download   TEXT NOT NULL REFERENCES downloads (id) ON DELETE CASCADE,
            position   INTEGER NOT NULL,
            path       TEXT NOT NULL,
            size       INTEGER,
            sha256     TEXT,
            role       TEXT NOT NULL DEFAULT 'weights',
            repository TEXT NOT NULL DEFAULT '',
            url        TEXT NOT NULL DEFAULT '',
            received   INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (download, position)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)
