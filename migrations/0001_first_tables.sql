-- One text for SQLite and PostgreSQL: text, bigint, integer, double precision and bytea only.
-- Ids are made by the application and grow with time. Times are milliseconds since 1970 UTC,
-- days are days since 1970 UTC, flags are 0 or 1, JSON is text.
-- Each table is written by one module alone; its name stands above the table.

-- audience/workspace: one customer of the installation. Nothing is visible across workspaces.
create table workspace (
  id bigint primary key,
  name text not null unique,
  created_at bigint not null
);

-- ground/setting: what an installation needs to know, by key.
create table setting (
  name text primary key,
  value text not null
);

-- audience/field: an attribute that contacts may have.
create table field (
  id bigint primary key,
  workspace_id bigint not null,
  name text not null,
  kind text not null,
  choices text not null,
  created_at bigint not null
);
create unique index field_name on field (workspace_id, name);

-- audience/contact: a person. `address` is the spelling to send to, `canonical` the form that is
-- matched, `fields` the values as JSON, `folded` the text values in lower case for comparison.
create table contact (
  id bigint primary key,
  workspace_id bigint not null,
  address text not null,
  canonical text not null,
  fields text not null,
  folded text not null,
  created_at bigint not null,
  updated_at bigint not null
);
create unique index contact_canonical on contact (workspace_id, canonical);

-- audience/list: one newsletter that can be joined and left.
create table list (
  id bigint primary key,
  workspace_id bigint not null,
  name text not null,
  created_at bigint not null,
  closed_at bigint
);
create unique index list_name on list (workspace_id, name);

-- audience/subscription: a contact on a list. Leaving is erasing: there is no state "left".
create table subscription (
  id bigint primary key,
  workspace_id bigint not null,
  contact_id bigint not null,
  list_id bigint not null,
  state text not null,
  joined_at bigint not null
);
create unique index subscription_contact on subscription (contact_id, list_id);
create index subscription_list on subscription (list_id, state, contact_id);

-- audience/consent: what was shown or signed, how and when. Shared by all consents of one import.
create table evidence (
  id bigint primary key,
  workspace_id bigint not null,
  digest bytea not null,
  basis text not null,
  channel text not null,
  source text not null,
  wording text not null,
  proof text not null,
  given_at bigint not null
);
create unique index evidence_digest on evidence (workspace_id, digest);

-- audience/consent: the receipt. Append-only; it goes when the person goes.
create table consent (
  id bigint primary key,
  workspace_id bigint not null,
  contact_id bigint not null,
  list_id bigint not null,
  purpose text not null,
  evidence_id bigint not null,
  recorded_at bigint not null
);
create unique index consent_receipt on consent (contact_id, list_id, purpose, evidence_id);
create index consent_evidence on consent (evidence_id);

-- audience/tombstone: HMAC of an address that must not come back. list_id 0 means every list.
create table tombstone (
  workspace_id bigint not null,
  list_id bigint not null,
  digest bytea not null,
  reason text not null,
  day bigint not null,
  primary key (workspace_id, digest, list_id)
);

-- audience/segment: a saved expression.
create table segment (
  id bigint primary key,
  workspace_id bigint not null,
  name text not null,
  expression text not null,
  created_at bigint not null
);
create unique index segment_name on segment (workspace_id, name);

-- content/brand: how letters of a workspace look and who signs them.
create table brand (
  workspace_id bigint primary key,
  name text not null,
  address text not null,
  color text not null,
  logo text not null
);

-- campaign/campaign: content, audience and schedule. `source` is the campaign file as it came;
-- `frozen` is everything a letter is made from, fixed at launch, so that a letter made twice is the same letter.
create table campaign (
  id bigint primary key,
  workspace_id bigint not null,
  name text not null,
  format text not null,
  source text not null,
  list_id bigint not null,
  segment_id bigint,
  state text not null,
  reason text,
  starts_at bigint,
  frozen text,
  created_at bigint not null,
  launched_at bigint,
  finished_at bigint
);
create unique index campaign_name on campaign (workspace_id, name);
create index campaign_state on campaign (state, starts_at);

-- campaign/link: the destinations of a campaign's links, by position in the letter.
create table link (
  campaign_id bigint not null,
  position integer not null,
  destination text not null,
  personal integer not null,
  primary key (campaign_id, position)
);

-- campaign/delivery: one campaign to one contact, the row that makes sending exact.
-- pending, leased, sending, accepted, rejected, uncertain, suppressed, skipped.
-- `snapshot` keeps the field values of a message that must be repeated to the byte.
create table delivery (
  id bigint primary key,
  workspace_id bigint not null,
  campaign_id bigint not null,
  contact_id bigint not null,
  state text not null,
  reason text,
  attempts integer not null,
  due_at bigint not null,
  mailer_id bigint,
  dated_at bigint,
  snapshot text,
  code integer,
  reply text,
  changed_at bigint not null
);
create unique index delivery_contact on delivery (contact_id, campaign_id);
create index delivery_due on delivery (campaign_id, state, due_at, id);
create index delivery_mailer on delivery (mailer_id, state);

-- campaign/tally: numbers of people who are gone. They link to no one.
create table tally (
  campaign_id bigint not null,
  kind text not null,
  position integer not null,
  count bigint not null,
  primary key (campaign_id, kind, position)
);

-- mailer/relay: the SMTP server, capture inbox or folder that messages are handed to.
create table relay (
  workspace_id bigint primary key,
  kind text not null,
  target bytea not null,
  connections integer not null,
  rate double precision
);

-- mailer/lease: a mailer that is alive. Its `sending` rows are uncertain when the lease has run out.
create table lease (
  id bigint primary key,
  until bigint not null
);

-- feedback/event: something that came back from a person.
create table event (
  id bigint primary key,
  workspace_id bigint not null,
  campaign_id bigint not null,
  delivery_id bigint not null,
  contact_id bigint not null,
  kind text not null,
  position integer not null,
  at bigint not null
);
create index event_campaign on event (campaign_id, kind, position, delivery_id);
create index event_contact on event (contact_id, kind, campaign_id, at);
