-- Where letters go and how fast: several relays a workspace, lanes of recipient domains, and what
-- may still leave today. {key} is the type of a key that is the table's own order.

alter table relay rename to relay_before;

-- mailer/relay: an SMTP server, capture inbox or folder that messages are handed to. `weight` is its
-- share among those that may carry a letter, a `spare` carries when no other can, `ahead` is how many
-- marked deliveries a connection may hold, `senders` are the addresses and domains bound to it.
create table relay (
  id {key} primary key,
  workspace_id bigint not null,
  name text not null,
  kind text not null,
  target bytea not null,
  connections integer not null,
  rate double precision,
  daily bigint,
  ramp_start bigint,
  ramp_growth double precision,
  weight integer not null,
  spare integer not null,
  ahead integer not null,
  senders text not null
);
-- The relay of before keeps its number: deliveries remember it.
insert into relay (id, workspace_id, name, kind, target, connections, rate, weight, spare, ahead, senders)
  select workspace_id, workspace_id, 'main', kind, target, connections, rate, 1, 0, 1, '' from relay_before;
drop table relay_before;
create unique index relay_name on relay (workspace_id, name);

-- campaign/lane: what a workspace changed about a group of recipient domains, or added. Without
-- `domains` they are those the program knows.
create table lane (
  workspace_id bigint not null,
  name text not null,
  domains text,
  connections integer,
  rate double precision,
  daily bigint,
  ramp_start bigint,
  ramp_growth double precision,
  primary key (workspace_id, name)
);

-- mailer/allowance: what was drawn under a limit. `free_at` is the microsecond of the next slot,
-- `spent` the letters of `day`, `days` the days of sending before it.
create table allowance (
  workspace_id bigint not null,
  gate text not null,
  free_at bigint not null,
  day bigint not null,
  spent bigint not null,
  days bigint not null,
  primary key (workspace_id, gate)
);

-- mailer/reception: what the servers of a lane make of us. `pace` is how many letters a second they
-- took when they last said "too fast" (0: never), `strikes` counts their policy refusals of a day,
-- `reason` says why the lane is paused.
create table reception (
  workspace_id bigint not null,
  lane text not null,
  pace double precision not null,
  goal double precision not null,
  slowed_at bigint not null,
  strikes integer not null,
  struck_on bigint not null,
  reason text,
  primary key (workspace_id, lane)
);

create index delivery_bounced on delivery (campaign_id) where state = 'rejected' and reason = 'bounce';
