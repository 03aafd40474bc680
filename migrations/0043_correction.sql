-- privacy/correction_log: keyed digests of addresses that contacts had before a correction, for the other machines on this
-- database, whose files may name them.
create table correction (
  workspace_id bigint not null,
  digest bytea not null,
  day bigint not null,
  primary key (workspace_id, digest, day)
);

create index correction_day on correction (day);
