-- Whose turn it is among the queued sagas of a definition; the index holds those that are queued, and no other.
ALTER TABLE saga ADD COLUMN turn_at INTEGER CHECK (turn_at IS NULL OR status = 2);
CREATE INDEX saga_queued ON saga (definition, turn_at) WHERE turn_at IS NOT NULL;
