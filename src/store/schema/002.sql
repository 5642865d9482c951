-- 002.sql - rows that outlive their subject (flag 4), and checkpoints that sum them up (flag 8)

-- With at_ms in it, a month is found without the rows of the other months.
CREATE INDEX IF NOT EXISTS record_lasting ON record (seq, at_ms) WHERE flags & 4;
CREATE INDEX IF NOT EXISTS record_checkpoint ON record (seq) WHERE flags & 8;
