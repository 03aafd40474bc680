-- infra/id_range: up to which count the ids of each node number are claimed by processes. `last` is the milliseconds since
-- 2024-01-01 UTC and the sequence of an id, without its node number. Ids of earlier versions are left behind: every node
-- begins after the greatest of them.
create table id_node (
  node bigint primary key,
  last bigint not null
);
insert into id_node (node, last)
with recursive number (n) as (select 0 union all select n + 1 from number where n < 1023),
used (id) as (
  select max(id) from contact
  union all select max(id) from subscription
  union all select max(id) from consent
  union all select max(id) from evidence
  union all select max(id) from campaign
  union all select max(id) from delivery
  union all select max(id) from event
  union all select max(id) from list
  union all select max(id) from workspace
)
select n, (select coalesce(max(id), 0) / 1024 from used) from number;
