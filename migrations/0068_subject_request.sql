-- privacy/subject_request: a request of a person about their data, with its due date. content (address and notes) is encrypted,
-- lookup is a keyed digest of the address; both are emptied when the person is erased.
create table subject_request (
  id bigint primary key,
  workspace_id bigint not null,
  contact_id bigint,
  lookup text not null,
  content text not null,
  kind text not null,
  channel text not null,
  law text not null,
  state text not null,
  identity text not null,
  received_at bigint not null,
  due_at bigint not null,
  extended_at bigint,
  reminded_at bigint,
  closed_at bigint
);
create index subject_request_due on subject_request (workspace_id, state, due_at);
create index subject_request_contact on subject_request (contact_id);
create index subject_request_lookup on subject_request (lookup);
