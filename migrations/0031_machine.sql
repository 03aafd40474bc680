-- mailer/machine: the data folders whose processes have used this database.
create table machine (
  folder_id bigint primary key,
  name text not null,
  added_at bigint not null
);

-- mailer/machine: the data folders whose erasure log is awaited, because an older copy of the database was put back. Nobody
-- sends while there is a row.
create table awaited_report (
  folder_id bigint primary key,
  name text not null,
  since bigint not null
);

-- audience/tombstone: the newest tombstones, which each machine copies into its erasure log.
create index tombstone_day on tombstone (day);
