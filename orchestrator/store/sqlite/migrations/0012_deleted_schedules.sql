-- What a deleted schedule was, and who did what to it; absent for those that were deleted before this was kept.
ALTER TABLE deleted_schedule ADD COLUMN revision INTEGER;
ALTER TABLE deleted_schedule ADD COLUMN document TEXT;
CREATE INDEX deleted_schedule_name ON deleted_schedule (name, deleted_at);
