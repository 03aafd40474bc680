-- What becomes of letters whose answer was lost, and how often a letter was repeated for that
-- reason. A restored database is known by its beat: each data folder counts beside it how far it was.

alter table campaign add column fate text not null default 'hold';
alter table delivery add column resent integer not null default 0;

-- mailer/beat: how far the mailers of a data folder had come when this database was last theirs.
create table beat (
  folder bigint primary key,
  count bigint not null
);
