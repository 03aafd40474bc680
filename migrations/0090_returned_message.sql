-- feedback/returned_message: what a message said that came back. digest is a keyed digest of it, so that each is counted once;
-- contact_id is emptied when the person is erased.
create table returned_message (
  id bigint primary key,
  digest text not null,
  workspace_id bigint not null,
  campaign_id bigint,
  contact_id bigint,
  kind text not null,
  class text not null,
  status text not null,
  action text not null,
  received_at bigint not null
);
create unique index returned_message_digest on returned_message (digest);
create index returned_message_contact on returned_message (contact_id, received_at);
create index returned_message_time on returned_message (received_at);
