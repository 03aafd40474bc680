-- Rows that say where a letter stands are written twice a letter, so they lie narrow: one index
-- holds only what is to be sent, another only what is on the wire.

drop index delivery_contact;
drop index delivery_due;
drop index delivery_mailer;
alter table delivery rename to delivery_before;

-- campaign/delivery: one campaign to one contact, the row that makes sending exact.
-- pending, leased, sending, accepted, rejected, uncertain, suppressed, skipped.
-- `lane` is the group of recipient domains that shares limits. `snapshot` is the address, a line
-- end and the field values, as the message that is out was made from them.
create table delivery (
  id bigint primary key,
  workspace_id bigint not null,
  campaign_id bigint not null,
  contact_id bigint not null,
  lane text not null,
  state text not null,
  reason text,
  attempts integer not null,
  due_at bigint not null,
  mailer_id bigint,
  relay_id bigint,
  dated_at bigint,
  snapshot text,
  code integer,
  reply text,
  changed_at bigint not null
);
-- A snapshot of before holds no address: such a message cannot be made again to the byte.
insert into delivery (id, workspace_id, campaign_id, contact_id, lane, state, reason, attempts, due_at, mailer_id,
                      dated_at, code, reply, changed_at)
  select id, workspace_id, campaign_id, contact_id, 'rest', state, reason, attempts, due_at, mailer_id,
         dated_at, code, reply, changed_at from delivery_before order by id;
drop table delivery_before;
create unique index delivery_contact on delivery (contact_id, campaign_id);
create index delivery_campaign on delivery (campaign_id, id);
create index delivery_due on delivery (campaign_id, lane, due_at, id) where state = 'pending';
create index delivery_again on delivery (campaign_id) where state = 'pending' and attempts > 0;
create index delivery_mailer on delivery (mailer_id, campaign_id) where mailer_id is not null;
create index delivery_uncertain on delivery (campaign_id, id) where state = 'uncertain';

-- campaign/delivery/progress: how many rows of a campaign were planned and how many have each end,
-- kept as the rows change. One line a process, so that several never wait for each other.
create table progress (
  campaign_id bigint not null,
  node integer not null,
  state text not null,
  count bigint not null,
  primary key (campaign_id, node, state)
);
insert into progress (campaign_id, node, state, count)
  select campaign_id, 0, state, count(*) from delivery
  where state in ('accepted', 'rejected', 'uncertain', 'suppressed', 'skipped') group by campaign_id, state;
insert into progress (campaign_id, node, state, count)
  select campaign_id, 0, 'planned', count(*) from delivery group by campaign_id;
