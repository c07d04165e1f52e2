-- One small index serves both questions, who must be advanced and what has not ended well: every index less is a page
-- less at every start and end.
DROP INDEX saga_unfinished;
