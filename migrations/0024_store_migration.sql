-- How far the rows of each table have been copied, in the store that they are copied to. The key of the
-- last row is JSON now. Rows of a move begun by an earlier version are dropped: their tables are copied again.
alter table carried rename to store_migration_progress;
alter table store_migration_progress rename column name to table_name;
alter table store_migration_progress rename column last to progress;
delete from store_migration_progress;
