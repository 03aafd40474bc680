-- How often a user gets a report of a workspace by mail, and the day of the last period that was handled.
alter table membership add column report text;
alter table membership add column reported_day bigint;
