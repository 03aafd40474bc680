-- audience/form: a form by which people sign up; definition is JSON.
create table form (
  id bigint primary key,
  workspace_id bigint not null,
  name text not null,
  definition text not null,
  created_at bigint not null
);
create unique index form_name on form (workspace_id, name);

-- audience/form: what happened to a form on a day (days since 1970 UTC): posted, mailed, confirmed, refused.
create table form_count (
  form_id bigint not null,
  day bigint not null,
  kind text not null,
  count bigint not null,
  primary key (form_id, day, kind)
);

-- audience/mailed_link: something that waits until a person presses the button behind a link that was mailed to their address.
-- lookup is a keyed digest of the address, content is encrypted. due_at is empty once the message was taken for sending.
create table mailed_link (
  id bigint primary key,
  workspace_id bigint not null,
  form_id bigint not null,
  kind text not null,
  lookup text not null,
  content text not null,
  created_at bigint not null,
  expires_at bigint not null,
  due_at bigint,
  attempts bigint not null
);
create index mailed_link_lookup on mailed_link (lookup);
create index mailed_link_due on mailed_link (due_at) where due_at is not null;
create index mailed_link_expiry on mailed_link (expires_at);

-- audience/public_limit: how often something was done within a period, under a keyed digest of what is counted.
create table public_limit (
  key text primary key,
  count bigint not null,
  ends_at bigint not null
);
create index public_limit_end on public_limit (ends_at);
