-- The state of the store outside normal use: whether its data are being moved, were moved, or are arriving.
alter table standing rename to store_status;
alter table store_status rename column place to location;
alter table store_status rename column number to migration_id;
