-- audience/consent: whether a receipt says that consent was given or withdrawn, the edition of the policy in force, and the
-- digest that links it to the one before. Receipts of imports have none: theirs follows from the row. The salt makes the
-- commitment in the journal unreadable once the row is gone.
alter table consent add column kind text not null default 'given';
alter table consent add column edition text not null default '';
alter table consent add column digest bytea;
alter table consent add column salt bytea;
alter table evidence add column salt bytea;

-- audience/sealed_receipt: what an erased person had agreed to, readable for whoever presents the address and nobody else.
-- lookup is a keyed digest of the address in hexadecimal, content is base64.
create table sealed_receipt (
  id bigint primary key,
  workspace_id bigint not null,
  lookup text not null,
  day bigint not null,
  content text not null
);
create index sealed_receipt_lookup on sealed_receipt (workspace_id, lookup);
create index sealed_receipt_day on sealed_receipt (day);
