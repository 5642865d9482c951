-- 003.sql - the audit log: a chain of hashes over the rows that matter, and over its own pruning

CREATE TABLE audit (
	no      INTEGER PRIMARY KEY,    -- 1, 2, 3 … without gaps; the oldest may be pruned away
	at_ms   INTEGER NOT NULL,
	seq     INTEGER NOT NULL,       -- the row of `record` that holds the body; 0: `body` here
	kind    INTEGER NOT NULL,
	subject INTEGER NOT NULL,
	task    INTEGER NOT NULL,
	digest  INTEGER NOT NULL,       -- 1 SM3, 2 SHA-256
	actor   TEXT    NOT NULL,
	print   BLOB    NOT NULL,       -- fingerprint of the body
	hash    BLOB    NOT NULL,       -- base/chain.h says of what
	body    BLOB
) STRICT;
