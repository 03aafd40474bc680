-- privacy/retention: campaigns whose opens and clicks, and whose deliveries, were deleted because their time of storage ended.
alter table campaign add column events_expired_at bigint;
alter table campaign add column deliveries_expired_at bigint;

-- privacy/retention: each run for a kind of data of a workspace. `cutoff`: what is older went.
create table retention_run (
  id bigint primary key,
  workspace_id bigint not null,
  category text not null,
  purpose text not null,
  cutoff bigint not null,
  rows_deleted bigint not null,
  began_at bigint not null,
  ended_at bigint not null
);

create index retention_run_workspace on retention_run (workspace_id, id);

-- audience/workspace: the end of the contract. From `ends_at` on nothing is sent, measured or exported; at `erase_at` its people are
-- erased (`erased_at`); backups made before that are deleted at `backups_until` (`backups_gone_at`).
alter table workspace add column ends_at bigint;
alter table workspace add column erase_at bigint;
alter table workspace add column backups_until bigint;
alter table workspace add column erased_at bigint;
alter table workspace add column backups_gone_at bigint;

-- backup: the files of backups that this installation made, on the machine with this folder.
create table backup_made (
  id bigint primary key,
  path text not null,
  made_at bigint not null
);
