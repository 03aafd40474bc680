-- When an event was stored: later than it happened, if it waited on disk. Unknown of those from before.
alter table event add column recorded_at bigint;
