-- 001.sql - the journal: every row ever appended, and where each subject begins and ends

-- The body comes last: a scan that skips a row never reads its overflow pages.
CREATE TABLE record (
	seq     INTEGER PRIMARY KEY,
	at_ms   INTEGER NOT NULL,
	subject INTEGER NOT NULL,       -- 0: the node itself
	task    INTEGER NOT NULL,       -- 0: the subject as a whole
	kind    INTEGER NOT NULL,
	flags   INTEGER NOT NULL,       -- 1 opens its subject, 2 closes it; see 002
	body    BLOB    NOT NULL
) STRICT;

-- With task in the index, one task of a large array is found without the others' rows.
CREATE INDEX record_subject ON record (subject, seq, task);

CREATE TABLE subject (
	no         INTEGER PRIMARY KEY,
	opened_seq INTEGER NOT NULL,
	closed_ms  INTEGER              -- NULL while it is open
) STRICT;

-- A restart asks for the open ones; the limit on history asks for those closed longest ago.
CREATE INDEX subject_open ON subject (opened_seq) WHERE closed_ms IS NULL;
CREATE INDEX subject_closed ON subject (closed_ms) WHERE closed_ms IS NOT NULL;
