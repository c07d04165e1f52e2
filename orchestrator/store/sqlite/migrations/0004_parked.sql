-- When a parked saga is due. The index holds all that is asked about many of them at once: in which order they are due,
-- and how many there are.
ALTER TABLE saga ADD COLUMN wake_at INTEGER CHECK (wake_at IS NULL OR status = 2);
CREATE INDEX saga_parked ON saga (status, wake_at, definition, started_at) WHERE status = 2;
