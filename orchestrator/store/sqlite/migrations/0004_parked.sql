-- When a parked saga is due; the index holds those that time wakes, and no other.
ALTER TABLE saga ADD COLUMN wake_at INTEGER CHECK (wake_at IS NULL OR status = 2);
CREATE INDEX saga_due ON saga (wake_at) WHERE wake_at IS NOT NULL;
