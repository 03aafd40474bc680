-- audience/hard_bounce: contacts whose mailbox or domain does not exist, as a server has replied. `status` is the reply code
-- and the enhanced code, without the reply's text; `applied` is 0 until the contact's subscriptions are `bounced`.
create table hard_bounce (
  contact_id bigint primary key,
  status text not null,
  bounced_at bigint not null,
  applied integer not null
);
create index hard_bounce_new on hard_bounce (contact_id) where applied = 0;
